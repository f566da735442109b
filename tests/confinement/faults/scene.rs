//! A launch that can be repeated, and everything that it could leave behind.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use rustix::fs::{FlockOperation, flock};

use super::tracer::{Point, Traced, follow};
use crate::apart::{leased_alone, tables};
use crate::machine::directory;

/// Who starts it, on what kind of host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Root,
    /// An ordinary user, who has user namespaces.
    User,
    /// Root without `CAP_SYS_ADMIN` where namespaces are refused, as in Docker's default.
    RootWithout,
    /// An ordinary user where namespaces are refused.
    UserWithout,
}

/// What of an outcome tells of confinement. How the source tree is shown, and the words in which it
/// says why less is held, may differ.
const TOLD: [&str; 5] = ["end", "enforced", "layers", "level", "plan"];

/// A launch that can be repeated.
pub struct Scene {
    pub name: &'static str,
    caller: Caller,
    options: &'static [&'static str],
    uid: u32,
    on_disk: bool,
    /// Everything of it lies below: the program, the runtime directory, the scratch directory.
    place: tempfile::TempDir,
    before: Vec<String>,
}

impl Scene {
    /// The scene of that name; `number` tells its builds' uid from those of other scenes.
    pub fn new(
        name: &'static str,
        caller: Caller,
        options: &'static [&'static str],
        number: u32,
    ) -> Self {
        let uid = leased_alone(number);
        let place = directory();
        // Copied by another process: see the tests of rootless callers.
        let program = place.path().join("bulkhead");
        let copied =
            Command::new("/bin/cp").arg(env!("CARGO_BIN_EXE_bulkhead")).arg(&program).status();
        assert!(copied.unwrap().success());
        for name in ["work", "runtime", "scratch", "out"] {
            fs::create_dir(place.path().join(name)).unwrap();
            if matches!(caller, Caller::User | Caller::UserWithout) {
                chown(place.path().join(name), Some(1000), Some(1000)).unwrap();
            }
        }
        fs::write(place.path().join("work/file"), "here").unwrap();
        let mut scene = Self { name, caller, options, uid, on_disk: false, place, before: vec![] };
        scene.before = tables();
        scene
    }

    /// The same with the build's private directories on disk.
    pub fn on_disk(self) -> Self {
        Self { on_disk: true, ..self }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Launches it, with the call at `fault` made to fail.
    pub fn launch(&self, fault: Option<(Point, Errno)>) -> Traced {
        let _ = fs::remove_file(self.path("out/outcome"));
        let mut arguments: Vec<OsString> = vec!["run".into()];
        for (option, name) in [("--runtime", "runtime"), ("--outcome", "out/outcome")] {
            arguments.extend([option.into(), self.path(name).into()]);
        }
        if matches!(self.caller, Caller::Root | Caller::RootWithout) {
            arguments.extend(["--uids".into(), self.uid.to_string().into()]);
        }
        if self.on_disk {
            arguments.extend(["--scratch".into(), self.path("scratch").into()]);
        }
        arguments.extend(self.options.iter().map(OsString::from));
        arguments.extend(["--", "/bin/true"].map(OsString::from));
        self.follow(&arguments, fault)
    }

    /// The calls of a program that does nothing: those before `main` and in it until its arguments
    /// are known, which are the loader's and the run-time library's.
    pub fn nothing(&self) -> Traced {
        self.follow(&["--version".into()], None)
    }

    fn follow(&self, arguments: &[OsString], fault: Option<(Point, Errno)>) -> Traced {
        let program = self.path("bulkhead");
        let mut child = self.command(&program).args(arguments).spawn().unwrap();
        // To the byte, for what comes behind the word is the program's.
        let mut word = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
        assert_eq!(&word, b"ready\n");
        follow(child, &program, fault, |child| self.go(child))
    }

    /// The program, behind a shell that waits until it is being traced.
    fn command(&self, program: &Path) -> Command {
        let wait = "echo ready; read _; script=$1; shift; exec /bin/sh -c \"$script\" sh \"$@\"";
        let mut command = if self.is_without() {
            let mut command = Command::new("/usr/bin/unshare");
            command.args(["--user", "/bin/sh"]);
            command
        } else {
            Command::new("/bin/sh")
        };
        command.args(["-c", wait, "sh"]);
        let refuse = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
        command.arg(if self.is_without() { refuse } else { "exec \"$@\"" });
        let privileges: &[&str] = match self.caller {
            Caller::Root | Caller::User => &[],
            Caller::RootWithout => &["--bounding-set", "-sys_admin", "--clear-groups"],
            Caller::UserWithout => &["--reuid", "1000", "--regid", "1000", "--clear-groups"],
        };
        if !privileges.is_empty() {
            command.arg("/usr/bin/setpriv").args(privileges);
        }
        if self.caller == Caller::User {
            command.uid(1000).gid(1000);
        }
        command.arg(program).current_dir(self.path("work"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("SECRET_TOKEN", "canary");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn is_without(&self) -> bool {
        matches!(self.caller, Caller::RootWithout | Caller::UserWithout)
    }

    fn go(&self, child: &mut Child) {
        if self.is_without() {
            for map in ["uid_map", "gid_map"] {
                fs::write(format!("/proc/{}/{map}", child.id()), "0 0 65536").unwrap();
            }
        }
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }

    /// What the outcome that the program wrote tells of confinement.
    pub fn outcome(&self) -> serde_json::Value {
        let text = fs::read(self.path("out/outcome")).unwrap_or_default();
        let mut outcome: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        if let Some(outcome) = outcome.as_object_mut() {
            outcome.retain(|key, _| TOLD.contains(&key.as_str()));
        }
        outcome
    }

    /// Everything that is left of a launch that is over.
    pub fn remnants(&self) -> Vec<String> {
        let mut left = self.processes();
        if tables() != self.before {
            left.push("a mount or an account".to_owned());
        }
        for place in ["scratch", "runtime/private", "runtime/claim", "runtime/user"] {
            let entries = fs::read_dir(self.path(place)).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| format!("{}", entry.path().display())));
        }
        for entry in fs::read_dir(self.path("runtime/uid")).into_iter().flatten().flatten() {
            let file = fs::File::open(entry.path()).unwrap();
            if flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive).is_err() {
                left.push(format!("the held lock {}", entry.path().display()));
            }
            if entry.metadata().unwrap().len() > 0 {
                left.push(format!("a record in {}", entry.path().display()));
            }
        }
        if fs::read(self.path("work/file")).unwrap() != b"here" {
            left.push("a change of the source tree".to_owned());
        }
        left
    }

    /// The living processes that have the build's uid, or this scene's directory in their words.
    fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
            let uids = field("Uid:").unwrap_or_default();
            let own = uids.split_ascii_whitespace().any(|uid| uid.parse() == Ok(self.uid));
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            let dead = field("State:").is_none_or(|state| state.trim_start().starts_with('Z'));
            if (own || words.contains(self.place.path().to_str().unwrap())) && !dead {
                found.push(format!("process {}: {words:?}", entry.path().display()));
            }
        }
        found
    }
}
