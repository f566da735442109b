//! A build has a source tree of its own, whether it was copied or is shared until it is changed.
//!
//! Every tree here is large enough to be worth an overlay. On tmpfs it gets one where the kernel
//! can do that; on an overlay, as the root of a container is one, it is copied.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::machine::{built, bulkhead, is_root};
use crate::remnants::await_nothing;

mod hook;

/// Everything about a tree that a build can see but inode numbers: names, kinds, modes, times,
/// owners, links and contents.
const LISTING: &str = r"list() {
    find . -printf '%P|%y|%m|%T@|%u|%g|%l\n' | sort; find . -type f | sort | xargs cat | cksum; }; ";

/// What builds do to their source trees, and what it then looks like but for times.
const CHANGES: &str = r"list
    echo changed > d1/f1; echo more >> d1/f2; chmod 600 d1/f3; rm d1/f4; touch -d @1 d1/f5
    rm -r d2; mkdir d2; ls -A d2; mv d3 moved; mv d4/f1 d5/from-d4; ln d5/f5 again; mkdir -p new/deep
    echo one > first; cat first second; printf '#!/bin/sh\necho runs' > tool; chmod +x tool; ./tool
    ln -s nowhere dangling; chmod 4755 tool 2>/dev/null || echo no set-id; stat -c %Y d1/f5
    list | cut -d'|' -f1-3,5-";

/// Where a tree lies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ground {
    /// A file system in memory.
    Memory,
    /// An overlay.
    Overlay,
}

/// A source tree, with a copy of the program that every user can reach beside it.
struct Source {
    place: tempfile::TempDir,
    ground: Ground,
    user: Option<u32>,
}

/// How a tree in memory that nothing speaks against is given to a build on this kernel: files there
/// are shown as another's since Linux 6.3, and keep the notes of an ordinary user since 6.6.
fn best(user: Option<u32>) -> &'static str {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let release: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    let needed = if user.is_some() { (6, 6) } else { (6, 3) };
    if release >= needed { "overlay" } else { "copy" }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

impl Source {
    /// A tree of about 350 files that is closed to everybody but its owner.
    fn new(ground: Ground, user: Option<u32>) -> Self {
        let place = tempfile::tempdir_in("/dev/shm").unwrap();
        set_mode(place.path(), 0o755);
        for name in ["tree", "lower", "upper", "work"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        let program = place.path().join("bulkhead");
        let copied = Command::new("/bin/cp").arg(built()).arg(&program).status();
        assert!(copied.unwrap().success());
        let source = Self { place, ground, user };
        source.lay_out(&source.original());
        source
    }

    fn lay_out(&self, tree: &Path) {
        for directory in 0..24 {
            let below = tree.join(format!("d{directory}"));
            fs::create_dir(&below).unwrap();
            for file in 0..14 {
                let path = below.join(format!("f{file}"));
                fs::write(&path, format!("{directory} {file}\n")).unwrap();
                set_mode(&path, [0o600, 0o644, 0o755, 0o444, 0o400][file % 5]);
            }
            set_mode(&below, [0o700, 0o755, 0o750][directory % 3]);
        }
        fs::write(tree.join("first"), "same\n").unwrap();
        fs::hard_link(tree.join("first"), tree.join("second")).unwrap();
        symlink("d1/f1", tree.join("link")).unwrap();
        set_mode(tree, 0o700);
        let owner = self.user.unwrap_or(0);
        let script =
            "chown -hR $1:$1 $2 && find $2 -depth -exec touch -hd '2001-02-03 04:05:06.7' {} +";
        let status = Command::new("/bin/sh")
            .args(["-c", script, "sh", &owner.to_string()])
            .arg(tree)
            .status();
        assert!(status.unwrap().success());
    }

    /// Where the files are, as the host sees them.
    fn original(&self) -> PathBuf {
        let name = if self.ground == Ground::Memory { "tree" } else { "lower" };
        self.place.path().join(name)
    }

    fn outcome(&self) -> PathBuf {
        self.place.path().join("outcome")
    }

    /// Runs `script` in the tree, after `before` in a mount namespace of the caller's own.
    fn run_after(&self, before: &str, options: &[&str], script: &str) -> Output {
        let mount = "chmod --reference=lower upper && touch -r lower upper && \
                     mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none tree";
        let mount = if self.ground == Ground::Overlay { mount } else { "true" };
        // The mounts are shared, and must be the same afterwards.
        let enter = format!(
            "mount --make-rshared / && cd $1 && {mount} && {before} && cd tree && shift && \
             cp /proc/self/mountinfo ../mounts && \"$@\"; status=$?; \
             cmp /proc/self/mountinfo ../mounts >&2 || exit 99; exit $status"
        );
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--mount", "/bin/sh", "-c", &enter, "sh"]).arg(self.place.path());
        command.args(["/usr/bin/setpriv", "--clear-groups"]);
        if let Some(user) = self.user {
            command.args(["--reuid", &user.to_string(), "--regid", &user.to_string()]);
        }
        fs::write(self.outcome(), "").unwrap();
        set_mode(&self.outcome(), 0o666);
        command.arg(self.place.path().join("bulkhead")).args(["run", "--outcome"]);
        command.arg(self.outcome()).args(options).args(["--", "/bin/sh", "-c", script]);
        command.env_remove("XDG_RUNTIME_DIR").output().unwrap()
    }

    fn run(&self, options: &[&str], script: &str) -> Output {
        self.run_after("true", options, script)
    }

    /// How the last build got the tree, and why not otherwise.
    fn sharing(&self) -> (String, String) {
        let outcome = fs::read_to_string(self.outcome()).unwrap();
        let outcome: serde_json::Value = serde_json::from_str(&outcome).unwrap();
        let text = |key: &str| outcome["source"][key].as_str().unwrap_or_default().to_owned();
        (text("by"), text("because"))
    }
}

/// Every file below `tree` to the last byte and nanosecond, but for when it was read.
fn record(tree: &Path) -> Vec<String> {
    let meta = tree.symlink_metadata().unwrap();
    let content = if meta.is_file() { fs::read(tree).unwrap() } else { vec![] };
    let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
    let owner = (meta.uid(), meta.gid(), meta.mode(), meta.ino(), meta.nlink());
    let mut lines = vec![format!("{} {times:?} {owner:?} {content:?}", tree.display())];
    if meta.is_dir() {
        lines.extend(fs::read_dir(tree).unwrap().flat_map(|entry| record(&entry.unwrap().path())));
        lines.sort();
    }
    lines
}

/// What one of the two has and the other does not.
fn difference<T: AsRef<str>>(before: &[T], after: &[T]) -> Vec<String> {
    let lacking = |here: &[T], there: &[T], sign: char| -> Vec<String> {
        let there: std::collections::HashSet<_> = there.iter().map(AsRef::as_ref).collect();
        let lacking = here.iter().map(AsRef::as_ref).filter(|line| !there.contains(line));
        lacking.map(|line| format!("{sign} {line}")).collect()
    };
    [lacking(before, after, '-'), lacking(after, before, '+')].concat()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_shared_tree_looks_and_changes_as_a_copied_one_and_the_callers_stays_as_it_was() {
    if !is_root() {
        return;
    }
    let script = format!("{LISTING}{CHANGES}");
    let copied = Source::new(Ground::Overlay, None);
    let expected = text(&copied.run(&[], &script));
    assert_eq!(copied.sharing().0, "copy");
    assert!(copied.sharing().1.contains("refuses"), "{:?}", copied.sharing());
    for line in ["same", "runs", "no set-id", "1", "d1|d|755|981173106.7000000000|build|build|"] {
        assert!(expected.lines().any(|it| it == line), "{line:?} is not there");
    }
    for user in [None, Some(1000)] {
        let shared = Source::new(Ground::Memory, user);
        let before = record(&shared.original());
        let found = text(&shared.run(&[], &script));
        assert_eq!(difference(&lines(&expected), &lines(&found)), [""; 0], "user {user:?}");
        assert_eq!(shared.sharing().0, best(user));
        let after = record(&shared.original());
        assert_eq!(difference(&before, &after), [""; 0], "user {user:?}");
    }
}

#[rstest]
#[case::root(None, "renamed\n")]
#[case::user(Some(1000), "EXDEV\n")]
fn only_a_caller_without_root_cannot_rename_a_shared_directory(
    #[case] user: Option<u32>,
    #[case] expected: &str,
) {
    if !is_root() {
        return;
    }
    let source = Source::new(Ground::Memory, user);
    let script = "/usr/bin/python3 -c \"
import errno, os
os.mkdir('own'); os.rename('own', 'still-own')
try: os.rename('d1', 'other'); print('renamed')
except OSError as error: print(errno.errorcode[error.errno])\"";
    let expected = if best(user) == "copy" { "renamed\n" } else { expected };
    assert_eq!(text(&source.run(&[], script)), expected);
}

#[rstest]
#[case::set_id(|tree: &Path| set_mode(&tree.join("d1/f1"), 0o4755), "set-id", "stat -c %a d1/f1", "755\n")]
#[case::closed(|tree: &Path| set_mode(&tree.join("d1/f1"), 0), "closed", "cat d1/f1", "1 1\n")]
#[case::of_another(
    |tree: &Path| std::os::unix::fs::chown(tree.join("d1/f1"), Some(1234), None).unwrap(),
    "more than one", "echo x > d1/f1 && stat -c %U d1/f1 && rm d1/f1", "build\n"
)]
#[case::pipe(
    |tree: &Path| mknodat(CWD, tree.join("d1/pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap(),
    "pipe", "test -e d1/pipe || echo absent", "absent\n"
)]
#[case::socket(
    |tree: &Path| drop(std::os::unix::net::UnixListener::bind(tree.join("d1/socket"))),
    "socket", "test -e d1/socket || echo absent", "absent\n"
)]
fn what_would_be_different_in_a_shared_tree_makes_it_a_copied_one(
    #[case] spoil: fn(&Path),
    #[case] because: &str,
    #[case] script: &str,
    #[case] expected: &str,
) {
    if !is_root() {
        return;
    }
    let source = Source::new(Ground::Memory, None);
    assert_eq!(text(&source.run(&[], "cat d1/f1")), "1 1\n");
    assert_eq!(source.sharing().0, best(None), "the control");
    spoil(&source.original());
    assert_eq!(text(&source.run(&[], script)), expected);
    let (by, why) = source.sharing();
    assert_eq!(by, "copy");
    assert!(why.contains(because) || best(None) == "copy", "{why}");
}

#[test]
fn what_is_mounted_in_a_tree_is_in_the_builds_tree_too() {
    if !is_root() {
        return;
    }
    let source = Source::new(Ground::Memory, None);
    let mount = "mount -t tmpfs none tree/d1 && echo inner > tree/d1/inner";
    assert_eq!(text(&source.run_after(mount, &[], "ls d1; cat d1/inner")), "inner\ninner\n");
    assert_eq!(source.sharing().0, "copy");
}

#[test]
fn what_a_build_changes_in_a_shared_tree_counts_against_its_memory() {
    if !is_root() {
        return;
    }
    let source = Source::new(Ground::Memory, None);
    let script = "head -c 100M /dev/zero > d1/f1 && echo written";
    assert_eq!(text(&source.run(&["--memory", "none"], script)), "written\n", "the control");
    let output = source.run(&["--memory", "48M"], script);
    assert_ne!(output.status.code(), Some(125), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("written"));
}

#[test]
fn nothing_is_left_of_a_shared_tree_on_disk_after_sigkill() {
    if !is_root() {
        return;
    }
    let source = Source::new(Ground::Memory, None);
    let (scratch, runtime) = (source.place.path().join("scratch"), source.place.path().join("run"));
    fs::create_dir(&scratch).unwrap();
    let before = record(&source.original());
    let mut child = bulkhead(&source.original())
        .args(["run", "--uids", "62970-62973", "--scratch"])
        .arg(&scratch)
        .arg("--runtime")
        .arg(&runtime)
        .args(["--", "/bin/sh", "-c"])
        .arg("rm -r d2; echo new > d1/f1; mv d3 d4; grep -o \" $PWD .* - [a-z]*\" /proc/self/mountinfo | grep -o '[a-z]*$'; sleep 300")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim() == "overlay", best(None) == "overlay", "{line}");
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 1, "the control: it lies there");
    child.kill().unwrap();
    child.wait().unwrap();
    await_nothing(&runtime, &(62_970..=62_973));
    let swept = bulkhead(source.place.path()).args(["gc", "--runtime"]).arg(&runtime).status();
    assert!(swept.unwrap().success());
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    assert_eq!(difference(&before, &record(&source.original())), [""; 0]);
}
