//! The mounts around every test are shared, as systemd makes those of a machine: what a build lets out
//! appears there, and is seen when the test ends.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sched::{CloneFlags, unshare};
use rstest::rstest;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};

use crate::contained::hook::{BACKEND, SCRIPT};
use crate::machine::{self, directory, is_root};

thread_local! {
    static SHARED: RefCell<Option<Shared>> = const { RefCell::new(None) };
}

/// Mounts of this thread's own, which are shared among all who copy them.
struct Shared {
    before: Vec<String>,
}

/// What is mounted, as this thread sees it; whether the source of a mount has been removed since makes
/// no difference.
fn mounted() -> Vec<String> {
    let table = fs::read("/proc/thread-self/mountinfo").unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    table.lines().map(|line| line.replacen("//deleted ", " ", 1)).collect()
}

/// Gives this thread, and all that it starts from now on, mounts of its own that are shared. When the
/// thread ends there must be no other than there are now.
pub fn share_mounts() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    SHARED.with_borrow_mut(|shared| {
        if let Some(shared) = shared {
            return shared.compare();
        }
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        // Not with the machine's, of which this has been a copy.
        propagate(MountPropagationFlags::PRIVATE);
        propagate(MountPropagationFlags::SHARED);
        *shared = Some(Shared { before: mounted() });
    });
}

/// Looks at the mounts for the last time before this thread leaves them.
pub fn compare_mounts() {
    drop(SHARED.take());
}

/// The mounts that this thread has made by itself, or are another namespace's, are meant to be there.
pub fn share_mounts_anew() {
    // What was noted before is of another namespace, with which nothing is to be compared.
    if let Some(before) = SHARED.take() {
        std::mem::forget(before);
    }
    propagate(MountPropagationFlags::SHARED);
    SHARED.set(Some(Shared { before: mounted() }));
}

fn propagate(how: MountPropagationFlags) {
    mount_change("/", how | MountPropagationFlags::REC).unwrap();
}

impl Shared {
    /// A build that lets a mount out ends all tests: nothing that comes after would be worth anything.
    fn compare(&self) {
        let after = mounted();
        if after != self.before && !std::thread::panicking() {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("a test");
            let more = after.iter().filter(|line| !self.before.contains(line));
            let less = self.before.iter().filter(|line| !after.contains(line));
            let text = format!(
                "{name}: mounts of a build have reached the host\n  more: {:?}\n  less: {:?}\n",
                more.collect::<Vec<_>>(),
                less.collect::<Vec<_>>()
            );
            let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
            std::process::abort();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.compare();
    }
}

#[test]
fn every_test_of_a_launch_has_shared_mounts_around_it_and_what_leaks_is_seen() {
    if !is_root() {
        return;
    }
    let place = directory();
    assert!(mounted().iter().all(|line| line.contains(" shared:")), "{:?}", mounted());
    let before = mounted();
    // What a sandbox did that cloned these mounts and mounted something.
    let mount = ["--mount", "--propagation", "unchanged", "/bin/mount", "-t", "tmpfs", "none"];
    let status = Command::new("/usr/bin/unshare").args(mount).arg(place.path()).status();
    assert!(status.unwrap().success());
    assert_eq!(mounted().len(), before.len() + 1, "the control: it is here too");
    unmount(place.path(), UnmountFlags::DETACH).unwrap();
    assert_eq!(mounted(), before);
}

#[test]
fn the_program_is_started_in_shared_mounts_alone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/confinement");
    let mut places = vec![folder];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(place).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                places.push(path);
            } else if !path.ends_with("machine.rs") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                // In two halves, or this line would break the rule.
                let name = concat!("CARGO_BIN_EXE", "_bulkhead");
                assert!(!text.contains(name), "{} starts it by itself", path.display());
            }
        }
    }
}

/// Places of a caller: its tree, what is around that, and where builds put what they make.
struct Places {
    root: tempfile::TempDir,
    program: PathBuf,
    user: Option<u32>,
}

impl Places {
    fn new(user: Option<u32>) -> Self {
        let root = directory();
        let path = |name: &str| root.path().join(name);
        for name in ["around/src/pkg", "around/control", "around/dist", "scratch", "temporary"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        fs::write(path("around/beside"), "the caller's").unwrap();
        fs::write(path("around/src/mine"), "the caller's").unwrap();
        fs::write(path("around/src/pkg/mine"), "the caller's").unwrap();
        fs::write(path("around/src/backend.py"), BACKEND).unwrap();
        fs::write(path("around/_in_process.py"), SCRIPT).unwrap();
        let arguments = serde_json::json!({ "kwargs": {
            "wheel_directory": path("around/dist"), "config_settings": null,
            "metadata_directory": null,
        }});
        fs::write(path("around/control/input.json"), arguments.to_string()).unwrap();
        let program = path("bulkhead");
        let copied = Command::new("/bin/cp").arg(machine::built()).arg(&program).status();
        assert!(copied.unwrap().success());
        if let Some(user) = user {
            let owner = format!("{user}:{user}");
            let given = Command::new("/bin/chown").args(["-R", &owner]).arg(root.path()).status();
            assert!(given.unwrap().success());
        }
        Self { root, program, user }
    }

    /// Every file of the caller's, with what is in it; but what hooks hand over.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut places = vec![self.root.path().to_owned()];
        while let Some(place) = places.pop() {
            for entry in fs::read_dir(&place).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    places.push(path.clone());
                }
                let handed_over = ["output.json", ".whl"].iter().any(|it| path.ends_with(it))
                    || path.extension().is_some_and(|kind| kind == "whl");
                if !handed_over {
                    found.push((path.clone(), fs::read(&path).unwrap_or_default()));
                }
            }
        }
        found.sort();
        found
    }

    /// Starts a build with `options`, in which `{}` is the place of everything.
    fn build(&self, hook: bool, options: &[&str]) -> Output {
        let root = self.root.path();
        let mut command = match self.user {
            None => Command::new(&self.program),
            Some(user) => {
                let user = user.to_string();
                let mut command = Command::new("/usr/bin/setpriv");
                command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
                command.arg(&self.program);
                command
            }
        };
        command.current_dir(root.join("around/src")).env("TMPDIR", root.join("temporary"));
        command.env_remove("XDG_RUNTIME_DIR");
        command.arg(if hook { "hook" } else { "run" });
        command.args(options.iter().map(|it| it.replace("{}", root.to_str().unwrap())));
        if hook {
            let backend = serde_json::json!([root.join("around/src")]).to_string();
            let variable = "_PYPROJECT_HOOKS_BACKEND_PATH_JSON";
            command.args(["--replace", "--env", variable]).env(variable, backend);
            command.args(["--", "/usr/bin/python3"]).arg(root.join("around/_in_process.py"));
            command.arg("build_wheel").arg(root.join("around/control"));
        } else {
            let script = "echo planted > mine; echo planted > pkg/mine; echo planted > $TMPDIR/x";
            command.args(["--", "/bin/sh", "-c", script]);
        }
        command.output().unwrap()
    }
}

/// What of the caller's paths is given, in every way that a command line can.
const OPTIONS: [&[&str]; 10] = [
    &[],
    &["--ro", "{}"],
    &["--ro", "{}/around"],
    &["--rw", "{}"],
    &["--rw", "{}/around"],
    &["--ro", "{}", "--rw", "{}/around"],
    &["--rw", "{}", "--ro", "{}/around/beside"],
    &["--rw", "{}/temporary"],
    &["--scratch", "{}/scratch"],
    &["--scratch", "{}/scratch", "--rw", "{}/around"],
];

/// Two hundred builds, all told.
const ROUNDS: usize = 5;

#[rstest]
#[case::root(None)]
#[case::user(Some(1000))]
fn a_hundred_builds_with_every_option_that_takes_a_path_leave_mounts_and_trees_as_they_were(
    #[case] user: Option<u32>,
) {
    if !is_root() {
        return;
    }
    let places = Places::new(user);
    machine::built();
    let (mounts, files) = (mounted(), places.files());
    for _ in 0..ROUNDS {
        for (options, hook) in OPTIONS.iter().flat_map(|it| [(it, false), (it, true)]) {
            let output = places.build(hook, options);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{options:?} {hook}: {errors}");
            assert_eq!(mounted(), mounts, "{options:?} {hook}");
            assert_eq!(places.files(), files, "{options:?} {hook}");
        }
    }
    let handed_over = places.root.path().join("around/dist/pkg-1.0-py3-none-any.whl");
    assert!(handed_over.exists(), "the control: the hooks have built");
}
