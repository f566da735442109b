use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sched::{CloneFlags, unshare};

use super::*;
use crate::layers::mounts::{Entry, open_entries};
use crate::sys::mount::make_private;

/// Fills a new root, in which the build has `tree` at `/src`, with what is to be mounted at `target`.
/// Gives what came of it, and how many mounts there are more than those of the root.
fn fill(tree: &Path, what: &What, target: &Path) -> (Result<(), Fault>, usize) {
    let bind = |target: &Path, source: &Path| Entry {
        target: target.to_owned(),
        what: What::Bind {
            source: source.to_owned(),
            writable: true,
            directory: true,
            named: true,
        },
    };
    let last = Entry { target: target.to_owned(), what: what.clone() };
    let plan = MountPlan { base: Base::Empty, entries: vec![bind(Path::new("/src"), tree), last] };
    make_private().unwrap();
    let opened = open_entries(&plan, (0, 0), None).unwrap();
    let made: Vec<Option<OwnedFd>> = plan.entries.iter().map(|_| None).collect();
    let before = mounted();
    let root = NewRoot::of(&plan, Some(lay_out(&plan).unwrap())).unwrap();
    let filled = root.fill(&plan, made, opened).map(drop);
    let more = mounted() - before;
    unmount(WAITING_PLACE, UnmountFlags::DETACH).unwrap();
    (filled, more)
}

fn mounted() -> usize {
    fs::read_to_string("/proc/thread-self/mountinfo").unwrap().lines().count()
}

/// GHSA-pxhw-h44j-8pfx: bubblewrap followed links of a tree out of the new root while it made the
/// places of mounts, and made them on the host.
#[test]
fn no_mount_follows_a_link_that_a_tree_puts_in_its_way() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: this test needs root");
        return;
    }
    let (tree, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(tree.path().join("plain")).unwrap();
    File::create(tree.path().join("file")).unwrap();
    File::create(outside.path().join("file")).unwrap();
    symlink(outside.path(), tree.path().join("out")).unwrap();
    symlink("plain", tree.path().join("near")).unwrap();
    symlink(outside.path().join("file"), tree.path().join("far")).unwrap();
    let (tree, place) = (tree.path().to_owned(), outside.path().to_owned());
    let tried = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let bind = |source: &str, directory| What::Bind {
            source: source.into(),
            writable: false,
            directory,
            named: false,
        };
        let (directory, file) = (bind("/usr", true), bind("/etc/passwd", false));
        let cases = [
            ("plain", &directory, true),
            ("plain/new/deeper", &directory, true),
            ("file", &file, true),
            ("out", &directory, false),
            ("out/new", &directory, false),
            ("out/new/deeper", &directory, false),
            ("near", &directory, false),
            ("near/new", &directory, false),
            ("far", &file, false),
            ("out/file", &file, false),
        ];
        for (name, what, works) in cases {
            let (filled, more) = fill(&tree, what, &Path::new("/src").join(name));
            if works {
                assert_eq!((filled, more), (Ok(()), 3), "{name}");
            } else {
                let refused = Fault::new(Step::MountEntry, Errno::LOOP).about(1);
                assert_eq!((filled, more), (Err(refused), 2), "{name}");
            }
            assert_eq!(fs::read_dir(&place).unwrap().count(), 1, "{name}");
            assert_eq!(fs::metadata(place.join("file")).unwrap().len(), 0, "{name}");
        }
    });
    tried.join().unwrap();
}
