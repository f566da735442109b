//! Whoever gets a uid next finds nothing of its last user's.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use rstest::rstest;

use crate::apart::leased_alone;
use crate::machine::{bulkhead, directory, is_root};
use crate::remnants::{await_true, living};

/// How a build ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Success,
    Failure,
    TimeOut,
    /// SIGKILL for the supervisor.
    Kill,
}

/// Makes files wherever a build can, and says so.
const SCRIPT: &str = "for place in . out /tmp /var/tmp /dev/shm $HOME; do \
                      mkdir $place/made && echo x > $place/made/file && chmod 700 $place/made; done; \
                      ipcmk -Q >/dev/null; echo ready; ";

/// A build's places on the host.
struct Places {
    source: tempfile::TempDir,
    scratch: tempfile::TempDir,
    runtime: tempfile::TempDir,
    uid: u32,
}

impl Places {
    fn new(uid: u32) -> Self {
        let source = directory();
        std::fs::create_dir(source.path().join("out")).unwrap();
        Self { source, scratch: directory(), runtime: directory(), uid }
    }

    fn start(&self, options: &[&str], rest: &str) -> Child {
        let mut command = bulkhead(self.source.path());
        command.args(["run", "--rw", "out", "--uids", &self.uid.to_string()]);
        command.arg("--runtime").arg(self.runtime.path());
        command.arg("--scratch").arg(self.scratch.path());
        command.args(options).args(["--", "/bin/sh", "-c", &format!("{SCRIPT}{rest}")]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Every file below these places, and in the places that all share, that is the uid's.
    fn owned(&self) -> Vec<PathBuf> {
        let shared = ["/dev/shm", "/var/tmp", "/dev/mqueue"].map(Path::new);
        let own = [&self.source, &self.scratch, &self.runtime].map(tempfile::TempDir::path);
        let mut owned = Vec::new();
        for place in own.into_iter().chain(shared) {
            walk(place, self.uid, &mut owned);
        }
        let table = std::fs::read_to_string("/proc/sysvipc/msg").unwrap_or_default();
        let queues = table.lines().filter(|line| {
            line.split_ascii_whitespace().nth(7) == Some(self.uid.to_string().as_str())
        });
        owned.extend(queues.map(PathBuf::from));
        owned
    }
}

fn walk(path: &Path, uid: u32, owned: &mut Vec<PathBuf>) {
    let Ok(meta) = path.symlink_metadata() else { return };
    if meta.uid() == uid {
        owned.push(path.to_owned());
    }
    if meta.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            walk(&entry.path(), uid, owned);
        }
    }
}

fn await_ready(child: &mut Child) {
    let mut word = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut word).unwrap();
    assert_eq!(&word, b"ready\n");
}

fn ended(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

/// CVE-2025-52992: files of a build user of Nix stayed behind a build that had failed, for the next one
/// with that user.
#[rstest]
#[case::success(End::Success, 1)]
#[case::failure(End::Failure, 2)]
#[case::time_out(End::TimeOut, 3)]
#[case::sigkill(End::Kill, 4)]
fn nothing_that_is_owned_by_the_leased_uid_is_left(#[case] end: End, #[case] number: u32) {
    if !is_root() {
        return;
    }
    let uid = leased_alone(16 + number);
    let places = Places::new(uid);
    let rest = match end {
        End::Success => "true",
        End::Failure => "exit 7",
        End::TimeOut | End::Kill => "trap '' TERM; sleep 300; true",
    };
    let options: &[&str] = if end == End::TimeOut { &["--timeout", "1s"] } else { &[] };
    let mut child = places.start(options, rest);
    await_ready(&mut child);
    if matches!(end, End::TimeOut | End::Kill) {
        assert_ne!(
            places.owned(),
            Vec::<PathBuf>::new(),
            "the control: it owns files while it runs"
        );
    }
    if end == End::Kill {
        child.kill().unwrap();
    }
    let output = ended(child);
    let expected = match end {
        End::Success => Some(0),
        End::Failure => Some(7),
        End::TimeOut => Some(124),
        End::Kill => None,
    };
    assert_eq!(output.status.code(), expected, "{}", String::from_utf8_lossy(&output.stderr));
    await_true("no process is left", || living(places.runtime.path(), &(uid..=uid)).is_empty());
    if end == End::Kill {
        let mut gc = bulkhead(places.source.path());
        assert!(
            gc.args(["gc", "--runtime"]).arg(places.runtime.path()).status().unwrap().success()
        );
    }
    assert_eq!(places.owned(), Vec::<PathBuf>::new());
    // What was granted for writing is there, and is the caller's.
    let made = places.source.path().join("out/made/file").metadata().unwrap();
    assert_eq!((made.uid(), made.gid()), (0, 0));
}
