//! Which records are believed, over owners, modes, kinds, names and contents.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use super::*;

fn is_root() -> bool {
    geteuid().is_root()
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
}

/// A place with the directory `uid` in it and one record.
fn place() -> (tempfile::TempDir, PathBuf) {
    let tree = tempfile::tempdir().unwrap();
    let place = tree.path().canonicalize().unwrap().join("bulkhead");
    fs::create_dir_all(place.join("uid")).unwrap();
    mode(&place, 0o711);
    mode(&place.join("uid"), 0o700);
    fs::write(place.join("uid/61990"), "supervisor 1\n").unwrap();
    mode(&place.join("uid/61990"), 0o600);
    (tree, place)
}

fn believed(place: &Path) -> bool {
    Records::existing(place, "uid")
        .is_some_and(|records| matches!(records.lock_existing("61990"), Ok(Some(_))))
}

#[test]
fn a_record_of_the_callers_own_is_believed() {
    let (_tree, place) = place();
    assert!(believed(&place));
    assert!(distrusted(std::slice::from_ref(&place)).is_empty());
    assert!(distrusted(&[place.join("missing")]).is_empty(), "what is not there is not told");
}

/// What is done to a place, and how.
type Spoil = (&'static str, fn(&Path));

#[test]
fn no_record_that_others_may_have_written_is_believed() {
    let spoil: [Spoil; 12] = [
        ("place open to the group", |place| mode(place, 0o731)),
        ("place open to all", |place| mode(place, 0o1777)),
        ("directory open to all", |place| mode(&place.join("uid"), 0o777)),
        ("record open to be written", |place| mode(&place.join("uid/61990"), 0o622)),
        ("record open to be read", |place| mode(&place.join("uid/61990"), 0o644)),
        ("record with another name", |place| {
            fs::hard_link(place.join("uid/61990"), place.join("other")).unwrap();
        }),
        ("record that is a link", |place| {
            fs::rename(place.join("uid/61990"), place.join("real")).unwrap();
            symlink("../real", place.join("uid/61990")).unwrap();
        }),
        ("record that is a directory", |place| {
            fs::remove_file(place.join("uid/61990")).unwrap();
            fs::create_dir(place.join("uid/61990")).unwrap();
        }),
        ("record that is a pipe", |place| {
            fs::remove_file(place.join("uid/61990")).unwrap();
            let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
            nix::unistd::mkfifo(&place.join("uid/61990"), mode).unwrap();
        }),
        ("place of another", |place| chown(place, Some(4711), None).unwrap()),
        ("directory of another", |place| chown(place.join("uid"), Some(4711), None).unwrap()),
        ("record of another", |place| chown(place.join("uid/61990"), Some(4711), None).unwrap()),
    ];
    for (what, spoil) in spoil {
        if what.contains("another") && !what.contains("name") && !is_root() {
            continue;
        }
        let (_tree, place) = place();
        spoil(&place);
        assert!(!believed(&place), "{what}");
    }
}

#[test]
fn a_place_behind_a_strangers_link_is_not_believed() {
    let (_tree, place) = place();
    let parent = place.parent().unwrap();
    let home = parent.join("home");
    fs::create_dir(&home).unwrap();
    symlink("..", home.join("run")).unwrap();
    let behind = home.join("run/bulkhead");
    assert!(believed(&behind), "a link of the caller's own leads there");
    if !is_root() {
        return;
    }
    std::os::unix::fs::lchown(home.join("run"), Some(4711), None).unwrap();
    assert!(!believed(&behind), "one of another does not");
    std::os::unix::fs::lchown(home.join("run"), Some(0), None).unwrap();
    chown(&home, Some(4711), None).unwrap();
    assert!(!believed(&behind), "nor one in the directory of another");
    assert!(distrusted(&[behind])[0].contains("symbolic link"));
}

#[test]
fn a_directory_goes_only_if_it_is_one_that_bulkhead_made() {
    let remove_scratch = |path: &Path| remove_scratch(path, &mut || true);
    let tree = tempfile::tempdir().unwrap();
    let tree = tree.path().canonicalize().unwrap();
    let make = |name: &str| {
        let path = tree.join(name);
        fs::create_dir_all(path.join("inner")).unwrap();
        mode(&path, 0o700);
        path
    };
    let ours = make("bulkhead-0123456789abcdef");
    assert_eq!(remove_scratch(&ours), Removal::Gone);
    assert!(!ours.exists());
    assert_eq!(remove_scratch(&ours), Removal::NotOurs, "what is not there");
    let names = ["scratch", "bulkhead-", "bulkhead-0123456789abcde", "bulkhead-0123456789abcdeg"];
    for name in names {
        let path = make(name);
        assert_eq!(remove_scratch(&path), Removal::NotOurs, "{name}");
        assert!(path.join("inner").exists(), "{name}");
    }
    let relative = Path::new("bulkhead-0123456789abcdef");
    assert_eq!(remove_scratch(relative), Removal::NotOurs);
    let up = make("x").join("../bulkhead-0123456789abcdef");
    let ours = make("bulkhead-0123456789abcdef");
    assert_eq!(remove_scratch(&up), Removal::NotOurs, "with `..`");
    mode(&ours, 0o777);
    assert_eq!(remove_scratch(&ours), Removal::NotOurs, "open to all");
    mode(&ours, 0o700);
    let link = tree.join("bulkhead-aaaaaaaaaaaaaaaa");
    symlink(&ours, &link).unwrap();
    assert_eq!(remove_scratch(&link), Removal::NotOurs, "a link in its place");
    if is_root() {
        chown(&ours, Some(4711), None).unwrap();
        assert_eq!(remove_scratch(&ours), Removal::NotOurs, "another's");
    }
    assert!(ours.join("inner").exists());
}

#[test]
fn a_record_that_is_made_while_others_sweep_is_there_and_locked() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let (_tree, place) = place();
    let open = || Records::existing(&place, "uid").unwrap();
    let done = AtomicBool::new(false);
    let swept = std::thread::scope(|scope| {
        let sweep = || {
            let (records, mut swept) = (open(), 0);
            while !done.load(Ordering::Relaxed) {
                for name in records.names().unwrap() {
                    if let Ok(Some(_lock)) = records.lock_existing(&name) {
                        records.remove(&name).unwrap();
                        swept += 1;
                    }
                }
            }
            swept
        };
        let sweepers = [scope.spawn(sweep), scope.spawn(sweep)];
        for number in 0..2000 {
            let (records, name) = (open(), number.to_string());
            let locked = records.lock_new(&name).unwrap();
            let found = fs::metadata(records.path(&name)).unwrap();
            assert_eq!(found.ino(), locked.metadata().unwrap().ino(), "{name}");
            drop(locked);
        }
        done.store(true, Ordering::Relaxed);
        sweepers.map(|sweeper| sweeper.join().unwrap()).iter().sum::<usize>()
    });
    assert_ne!(swept, 0, "the control");
}

#[test]
fn what_there_is_no_time_for_is_closed_and_removed_later() {
    let tree = tempfile::tempdir().unwrap();
    let ours = tree.path().canonicalize().unwrap().join("bulkhead-0123456789abcdef");
    fs::create_dir_all(ours.join("inner")).unwrap();
    mode(&ours, 0o710);
    assert!(matches!(remove_scratch(&ours, &mut || false), Removal::Left(_)));
    assert!(ours.join("inner").exists());
    assert_eq!(ours.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    assert_eq!(remove_scratch(&ours, &mut || true), Removal::Gone);
    assert!(!ours.exists());
}
