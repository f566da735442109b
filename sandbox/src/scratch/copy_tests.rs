//! Copies of trees.
#![forbid(unsafe_code)]

use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

fn source(path: &Path) -> PrivateTree {
    PrivateTree::new(path.to_owned(), crate::payload::Purpose::Source)
}

#[test]
fn a_copy_has_contents_modes_times_and_links_but_nothing_special() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let inner = from.path().join("pkg");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("tool"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(inner.join("tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(inner.join("tool")).unwrap().set_modified(then).unwrap();
    symlink("/etc/shadow", from.path().join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(from.path().join("socket")).unwrap();

    let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let target = OwnedFd::from(File::open(to.path()).unwrap());
    let mut copied = Copied::default();
    Copying { owner, room: None, copied: &mut copied, go_on: &mut || true }
        .tree(&source(from.path()), &target)
        .unwrap();
    assert_eq!(
        copied.left_out,
        [from.path().join("socket").display().to_string() + " is a socket"]
    );

    let tool = fs::metadata(to.path().join("pkg/tool")).unwrap();
    assert_eq!(tool.permissions().mode() & 0o7777, 0o755, "the set-id bit is gone");
    assert_eq!(tool.mtime(), 1_000_000_000);
    assert_eq!(fs::read_link(to.path().join("link")).unwrap(), Path::new("/etc/shadow"));
    assert!(!to.path().join("socket").exists());
}

/// A tree in one directory, and a copy of it in another.
fn copy_of(
    make: impl FnOnce(&Path),
    room: Option<u64>,
) -> (tempfile::TempDir, Result<Copied, CopyError>) {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(from.path());
    let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let target = OwnedFd::from(File::open(to.path()).unwrap());
    let mut copied = Copied::default();
    let done = Copying { owner, room, copied: &mut copied, go_on: &mut || true }
        .tree(&source(from.path()), &target);
    (to, done.map(|()| copied))
}

#[test]
fn holes_stay_holes_and_take_no_room() {
    let sparse = |place: &Path| {
        let file = File::create(place.join("sparse")).unwrap();
        file.set_len(64 << 20).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 32 << 20).unwrap();
        File::create(place.join("empty")).unwrap().set_len(1 << 30).unwrap();
    };
    let (to, copied) = copy_of(sparse, Some(1 << 20));
    assert!(copied.unwrap().bytes < 1 << 20);
    let meta = fs::metadata(to.path().join("sparse")).unwrap();
    assert_eq!((meta.len(), meta.blocks() < 4096), (64 << 20, true));
    assert_eq!(fs::metadata(to.path().join("empty")).unwrap().len(), 1 << 30);
    let mut middle = [0; 13];
    let file = File::open(to.path().join("sparse")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut middle, 32 << 20).unwrap();
    assert_eq!(&middle, b"in the middle");
}

#[test]
fn what_does_not_fit_is_named() {
    let (_to, copied) = copy_of(
        |place| {
            fs::create_dir(place.join("d")).unwrap();
            fs::write(place.join("d/large"), vec![1; 1 << 20]).unwrap();
        },
        Some(512 << 10),
    );
    let error = copied.unwrap_err();
    assert!(error.path.ends_with("d/large"), "{error}");
    assert!(matches!(error.why, CopyFault::NoRoom { limit } if limit == 512 << 10));
}

#[test]
fn a_tree_of_a_thousand_levels_is_copied_and_a_deeper_one_than_the_limit_is_named() {
    let deep = |levels: usize| {
        move |place: &Path| {
            let mut here = OwnedFd::from(File::open(place).unwrap());
            for _ in 0..levels {
                mkdirat(&here, c"d", Mode::from_raw_mode(0o755)).unwrap();
                here = open_directory(here.as_fd(), c"d", OFlags::empty()).unwrap();
            }
            drop(
                openat(
                    &here,
                    c"bottom",
                    OFlags::WRONLY | OFlags::CREATE,
                    Mode::from_raw_mode(0o644),
                )
                .unwrap(),
            );
        }
    };
    let (to, copied) = copy_of(deep(1000), None);
    copied.unwrap();
    let mut here = OwnedFd::from(File::open(to.path()).unwrap());
    for _ in 0..1000 {
        here = open_directory(here.as_fd(), c"d", OFlags::empty()).unwrap();
    }
    statat(&here, c"bottom", AtFlags::empty()).unwrap();
    let (_to, copied) = copy_of(deep(DEPTH), None);
    let error = copied.unwrap_err();
    assert!(error.to_string().contains("4096 levels"), "{error}");
    assert!(error.path.ends_with("d/d/d"));
}
