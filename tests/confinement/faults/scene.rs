//! A launch that can be repeated, and everything that it could leave behind.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use super::tracer::{Disturbance, Traced, follow};
use crate::apart::{leased_alone, tables};
use crate::contained::hook::BACKEND;
use crate::machine::{built, directory};

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

/// The wheel of a hook.
const WHEEL: &str = "pkg-1.0-py3-none-any.whl";

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
    is_hook: bool,
    /// Everything of it lies below: the program, the runtime directory, the scratch directory.
    place: tempfile::TempDir,
    before: Vec<String>,
}

/// Waits for a word before it runs a script, so that it can be traced from there on.
pub const WAIT: &str =
    "echo ready; read _; script=$1; shift; exec /bin/sh -c \"$script\" sh \"$@\"";

/// Starts a command that begins with [`WAIT`].
pub fn waiting(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // To the byte, for what comes behind the word is the program's.
    let mut word = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
    assert_eq!(&word, b"ready\n");
    child
}

/// Gives it the word.
pub fn let_go(child: &mut Child) {
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
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
        let copied = Command::new("/bin/cp").arg(built()).arg(&program).status();
        assert!(copied.unwrap().success());
        for name in ["work", "runtime", "scratch", "out"] {
            fs::create_dir(place.path().join(name)).unwrap();
            if matches!(caller, Caller::User | Caller::UserWithout) {
                chown(place.path().join(name), Some(1000), Some(1000)).unwrap();
            }
        }
        fs::write(place.path().join("work/file"), "here").unwrap();
        let mut scene = Self {
            name,
            caller,
            options,
            uid,
            on_disk: false,
            is_hook: false,
            place,
            before: vec![],
        };
        scene.before = tables();
        scene
    }

    /// The same with the build's private directories on disk.
    pub fn on_disk(self) -> Self {
        Self { on_disk: true, ..self }
    }

    /// The same as the call of a hook, which hands over a wheel.
    pub fn hook(self) -> Self {
        for name in ["control", "dist"] {
            fs::create_dir(self.path(name)).unwrap();
            if matches!(self.caller, Caller::User | Caller::UserWithout) {
                chown(self.path(name), Some(1000), Some(1000)).unwrap();
            }
        }
        let arguments = serde_json::json!({ "kwargs": {
            "wheel_directory": self.path("dist"), "config_settings": null, "metadata_directory": null,
        }});
        fs::write(self.path("control/input.json"), arguments.to_string()).unwrap();
        fs::write(self.path("work/backend.py"), BACKEND).unwrap();
        let build = "import backend; backend.build_wheel('.')";
        let mut made = Command::new("/usr/bin/python3");
        made.args(["-B", "-c", build]).current_dir(self.path("work")).stdout(Stdio::null());
        assert!(made.status().unwrap().success());
        // Where its directories are it is told, for they may be others than the caller's.
        let script = format!(
            "dist=$(/bin/sed 's/.*\"wheel_directory\": *\"\\([^\"]*\\)\".*/\\1/' \"$2/input.json\")\n\
             /bin/cat {WHEEL} > \"$dist/{WHEEL}\"\n\
             echo '{{\"return_val\": \"{WHEEL}\"}}' > \"$2/output.json\"\n"
        );
        fs::write(self.path("_in_process.py"), script).unwrap();
        Self { is_hook: true, ..self }
    }

    /// Whether the wheel is there, whole, and the answer that names it.
    pub fn handed_over(&self) -> (bool, bool) {
        let wheel = |name: &str| fs::read(self.path(name).join(WHEEL)).ok();
        let whole = wheel("dist").is_some() && wheel("dist") == wheel("work");
        (whole, self.path("control/output.json").exists())
    }

    /// How much is in the directories of the caller, beside what it has put there.
    pub fn in_the_callers(&self) -> usize {
        let count = |name: &str| fs::read_dir(self.path(name)).map_or(0, Iterator::count);
        if self.is_hook { count("dist") + count("control") - 1 } else { 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The same with a source tree that is worth an overlay.
    pub fn large(self) -> Self {
        let owner = matches!(self.caller, Caller::User | Caller::UserWithout).then_some(1000);
        for number in 0..300 {
            let file = self.path("work").join(number.to_string());
            fs::write(&file, "x").unwrap();
            chown(&file, owner, owner).unwrap();
        }
        chown(self.path("work/file"), owner, owner).unwrap();
        self
    }

    /// Launches it.
    pub fn launch(&self, disturbance: Disturbance<'_>) -> Traced {
        let wheel = Path::new("dist").join(WHEEL);
        for old in [Path::new("out/outcome"), Path::new("control/output.json"), &wheel] {
            let _ = fs::remove_file(self.place.path().join(old));
        }
        let mut arguments: Vec<OsString> = vec![if self.is_hook { "hook" } else { "run" }.into()];
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
        if self.is_hook {
            let (script, control) = (self.path("_in_process.py"), self.path("control"));
            arguments.extend(["--", "/bin/sh"].map(OsString::from));
            arguments.extend([script.into(), "build_wheel".into(), control.into()]);
        } else {
            arguments.extend(["--", "/bin/true"].map(OsString::from));
        }
        self.follow(&arguments, disturbance)
    }

    /// The calls of a program that does nothing: those before `main` and in it until its arguments
    /// are known, which are the loader's and the run-time library's.
    pub fn nothing(&self) -> Traced {
        self.follow(&["--version".into()], Disturbance::Nothing)
    }

    fn follow(&self, arguments: &[OsString], disturbance: Disturbance<'_>) -> Traced {
        let program = self.path("bulkhead");
        let child = waiting(self.command(&program).args(arguments));
        follow(child, &program, disturbance, |child| self.go(child))
    }

    /// The program, behind a shell that waits until it is being traced.
    fn command(&self, program: &Path) -> Command {
        let mut command = if self.is_without() {
            let mut command = Command::new("/usr/bin/unshare");
            command.args(["--user", "/bin/sh"]);
            command
        } else {
            Command::new("/bin/sh")
        };
        command.args(["-c", WAIT, "sh"]);
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
        let_go(child);
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
