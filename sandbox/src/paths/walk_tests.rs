//! Kinds of links, in each place of a path, by who may have made them.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use super::*;

fn root() -> (tempfile::TempDir, PathBuf) {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path().canonicalize().unwrap();
    (tree, path)
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn identity(path: &Path) -> Identity {
    let meta = path.metadata().unwrap();
    Identity { device: meta.dev(), inode: meta.ino() }
}

fn but(suspects: &[&Path]) -> Trust {
    Trust::But { caller: me(), suspects: suspects.iter().map(|path| identity(path)).collect() }
}

/// Names in which everything is that mount tables, shells and logs trip over.
const NAMES: [&str; 4] = ["plain", "with blank", "with\\backslash", "with\nnewline"];

#[test]
fn a_path_without_links_is_its_own_whatever_it_is_called() {
    let (_tree, root) = root();
    for name in NAMES {
        let path = root.join(name).join("inner");
        fs::create_dir_all(&path).unwrap();
        for trust in [Trust::All, but(&[&root])] {
            let opened = open(&path, &trust).unwrap();
            assert_eq!((&opened.real, opened.is_directory()), (&path, true));
            assert_eq!(opened.identity, identity(&path));
            assert!(opened.links.is_empty());
        }
        let back = open(&path.join("../inner/./../inner"), &but(&[&root])).unwrap();
        assert_eq!(back.real, path);
    }
}

#[test]
fn a_link_of_the_callers_own_is_followed_and_told() {
    let (_tree, root) = root();
    for name in NAMES {
        fs::create_dir_all(root.join(name).join("real/inner")).unwrap();
        let link = root.join(name).join("link");
        for target in ["real", &root.join(name).join("real").to_string_lossy()] {
            symlink(target, &link).unwrap();
            let opened = open(&link.join("inner"), &but(&[])).unwrap();
            assert_eq!(opened.real, root.join(name).join("real/inner"));
            assert_eq!(opened.links, [(link.clone(), root.join(name).join("real"))]);
            fs::remove_file(&link).unwrap();
        }
    }
}

/// The link as last component, as one in the middle, and behind another link; relative, absolute,
/// upwards; to a directory, to a file, to nothing.
#[test]
fn no_link_below_a_suspect_is_followed_wherever_it_stands_and_leads() {
    for name in NAMES {
        let (_tree, root) = root();
        let tree = root.join(name);
        fs::create_dir_all(tree.join("inner/out")).unwrap();
        fs::create_dir_all(root.join("victim/out")).unwrap();
        fs::write(root.join("victim/file"), "").unwrap();
        let absolute = root.join("victim");
        let targets =
            ["inner", "../victim", "..", "../victim/file", "nowhere", absolute.to_str().unwrap()];
        for target in targets {
            for at in [tree.join("link"), tree.join("inner/link")] {
                symlink(target, &at).unwrap();
                for path in [at.clone(), at.join("out"), at.join("out/deeper"), at.join("../x")] {
                    let error = open(&path, &but(&[&tree])).unwrap_err();
                    let PathError::Link { at: found, target: said, stranger } = &error else {
                        panic!("{path:?}: {error}");
                    };
                    assert_eq!((found, said.to_str()), (&at, Some(target)), "{path:?}");
                    assert_eq!(*stranger, Stranger::Build);
                    let text = error.to_string();
                    assert!(text.contains("symbolic link") && !text.contains('\n'), "{text}");
                }
                fs::remove_file(&at).unwrap();
            }
        }
    }
}

#[test]
fn a_suspect_is_known_also_when_it_is_reached_through_a_link() {
    let (_tree, root) = root();
    fs::create_dir_all(root.join("tree/inner")).unwrap();
    symlink("tree", root.join("alias")).unwrap();
    symlink("..", root.join("tree/inner/up")).unwrap();
    let trust = but(&[&root.join("tree")]);
    assert_eq!(open(&root.join("alias/inner"), &trust).unwrap().real, root.join("tree/inner"));
    assert!(matches!(open(&root.join("alias/inner/up"), &trust), Err(PathError::Link { .. })));
    // Out of it again, by `..`, links are the caller's.
    let path = root.join("tree/inner/../../alias");
    assert_eq!(open(&path, &trust).unwrap().real, root.join("tree"));
}

#[test]
fn a_link_of_another_user_and_one_that_anybody_may_have_made_is_not_followed() {
    let (_tree, root) = root();
    fs::create_dir(root.join("real")).unwrap();
    fs::create_dir(root.join("open")).unwrap();
    symlink("../real", root.join("open/link")).unwrap();
    let mode = |bits| {
        let open = fs::Permissions::from_mode(bits);
        fs::set_permissions(root.join("open"), open).unwrap();
    };
    mode(0o777);
    let error = open(&root.join("open/link"), &but(&[])).unwrap_err();
    assert!(matches!(error, PathError::Link { stranger: Stranger::Anybody, .. }), "{error}");
    mode(0o1777);
    assert_eq!(open(&root.join("open/link"), &but(&[])).unwrap().real, root.join("real"));
    if me() != 0 {
        return;
    }
    let other = Stranger::User(4711);
    std::os::unix::fs::lchown(root.join("open/link"), Some(4711), None).unwrap();
    let error = open(&root.join("open/link"), &but(&[])).unwrap_err();
    assert!(matches!(error, PathError::Link { stranger, .. } if stranger == other), "{error}");
    std::os::unix::fs::lchown(root.join("open/link"), Some(0), None).unwrap();
    chown(root.join("open"), Some(4711), None).unwrap();
    let error = open(&root.join("open/link"), &but(&[])).unwrap_err();
    assert!(matches!(error, PathError::Link { stranger, .. } if stranger == other), "{error}");
    assert!(open(&root.join("open/link"), &Trust::All).is_ok(), "to know where it leads");
    let theirs = Trust::But { caller: 4711, suspects: vec![] };
    assert!(open(&root.join("open/link"), &theirs).is_ok(), "for that user it is its own");
}

#[test]
fn what_is_missing_no_directory_or_a_circle_is_named() {
    let (_tree, root) = root();
    fs::write(root.join("file"), "").unwrap();
    symlink("circle", root.join("circle")).unwrap();
    let missing = open(&root.join("a/b"), &but(&[])).unwrap_err();
    assert!(matches!(&missing, PathError::Missing(at) if *at == root.join("a")), "{missing}");
    let file = open(&root.join("file/x"), &but(&[])).unwrap_err();
    assert!(matches!(&file, PathError::NoDirectory(at) if *at == root.join("file")), "{file}");
    assert!(matches!(open(&root.join("circle"), &but(&[])), Err(PathError::Circle(_))));
    assert!(matches!(open(Path::new("a"), &but(&[])), Err(PathError::Relative(_))));
}

#[test]
fn the_place_of_a_new_file_is_found_as_that_of_an_old_one() {
    let (_tree, root) = root();
    fs::create_dir(root.join("tree")).unwrap();
    symlink("tree/file", root.join("own")).unwrap();
    symlink("../victim", root.join("tree/theirs")).unwrap();
    let trust = but(&[&root.join("tree")]);
    let place =
        |path: &str| open_parent(&root.join(path), &trust).map(|(at, name)| (at.real, name));
    assert_eq!(place("tree/new").unwrap(), (root.join("tree"), "new".into()));
    assert_eq!(place("own").unwrap(), (root.join("tree"), "file".into()), "the caller's link");
    assert!(matches!(place("tree/theirs").unwrap_err(), PathError::Link { .. }));
    assert!(matches!(place("missing/new").unwrap_err(), PathError::Missing(_)));
    assert!(matches!(open_parent(Path::new("/"), &trust), Err(PathError::NoDirectory(_))));
}

#[test]
fn what_was_exchanged_is_not_opened_again() {
    let (_tree, root) = root();
    let path = root.join("out");
    fs::create_dir(&path).unwrap();
    fs::create_dir(root.join("victim")).unwrap();
    let opened = open(&path, &but(&[])).unwrap();
    let again = || reopen(&path, Some(opened.identity), OFlags::PATH);
    assert!(again().is_ok());
    fs::rename(&path, root.join("elsewhere")).unwrap();
    assert_eq!(again().unwrap_err(), Errno::NOENT);
    symlink("victim", &path).unwrap();
    assert_eq!(again().unwrap_err(), Errno::STALE);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(again().unwrap_err(), Errno::STALE, "as long as the first one is held");
}

#[test]
fn a_descriptor_of_ones_own_is_reached_through_proc() {
    let file = fs::File::open("/dev/null").unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    let opened = open(Path::new(&path), &but(&[])).unwrap();
    assert_eq!(opened.kind, FileType::CharacterDevice);
}
