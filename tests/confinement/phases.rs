//! A call ends when it is told to, in whatever phase it is: by SIGTERM or SIGINT, when its time is up,
//! or when whoever called it is dead. Nothing is handed over then, and who comes next does not wait.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

use crate::inspection::inspector;
use crate::machine::{bulkhead, directory, is_root};
use crate::outputs::FrontEnd;

/// How long a call may go on after it was told to end: the grace that it takes, and some for a machine
/// that is busy.
pub const PROMPT: Duration = Duration::from_secs(8);

/// What all of these hooks have: an honest wheel of whatever members, as its list of them.
const WHEEL: &str = "import base64, hashlib, os, zipfile
NAME, INFO = 'pkg-1.0-py3-none-any.whl', 'pkg-1.0.dist-info'
class Sparse:
    def __init__(self, path): self.file = open(path, 'w+b')
    def write(self, data):
        if data.count(0) < len(data): return self.file.write(data)
        self.file.seek(len(data), 1)
        return len(data)
    def __getattr__(self, name): return getattr(self.file, name)
def wheel(place, megabytes):
    zeros, rows = bytes(1 << 20), []
    with zipfile.ZipFile(Sparse(os.path.join(place, NAME)), 'w', zipfile.ZIP_STORED) as out:
        def add(member, parts):
            digest, size = hashlib.sha256(), 0
            with out.open(zipfile.ZipInfo(member), 'w', force_zip64=True) as file:
                for part in parts:
                    file.write(part); digest.update(part); size += len(part)
            digest = base64.urlsafe_b64encode(digest.digest()).rstrip(b'=').decode()
            rows.append('%s,sha256=%s,%d' % (member, digest, size))
        add('pkg/zeros', (zeros for _ in range(megabytes)))
        add(INFO + '/METADATA', [b'Metadata-Version: 2.1\\nName: pkg\\nVersion: 1.0\\n'])
        add(INFO + '/WHEEL', [b'Wheel-Version: 1.0\\nTag: py3-none-any\\n'])
        out.writestr(INFO + '/RECORD', '\\n'.join(rows + [INFO + '/RECORD,,', '']))
    return NAME
def many(place, count):
    for number in range(count):
        if number % 30000 == 0:
            first = os.path.join(place, 'f%d' % number)
            open(first, 'w').close()
        else:
            os.link(first, os.path.join(place, 'f%d' % number))
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    place = wheel_directory
";

/// A phase of a call, and a call that is in it for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Copying,
    Running,
    Draining,
    Inspecting,
    TakingOut,
    ClearingAway,
}

impl Phase {
    /// What the hook does.
    const fn hook(self) -> &'static str {
        match self {
            Self::Copying => "    return wheel(place, 1)\n",
            Self::Running => "    import time; time.sleep(300)\n",
            // More than the pipe to the caller and the supervisor take, so that some is left.
            Self::Draining => "    print('x' * 150000); return wheel(place, 1)\n",
            Self::Inspecting | Self::TakingOut => "    return wheel(place, 40)\n",
            Self::ClearingAway => "    many(os.getcwd(), 150000); return wheel(place, 1)\n",
        }
    }

    /// Whether the call, which is this process, is in it.
    fn has_begun(self, pid: Pid, front_end: &FrontEnd, has_started: &mut bool) -> bool {
        let children = children(pid);
        *has_started |= !children.is_empty();
        let has_open = |place: PathBuf| {
            let descriptors =
                fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            let place = format!("{}/", place.display());
            let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
            targets.any(|target| target.to_string_lossy().starts_with(&place))
        };
        match self {
            Self::Copying => *has_started && has_open(front_end.path("source")),
            Self::Running => children.iter().any(|child| !self::children(*child).is_empty()),
            Self::Draining => *has_started && children.is_empty(),
            Self::Inspecting => inspector(pid).is_some(),
            Self::TakingOut | Self::ClearingAway => {
                children.is_empty() && has_open(front_end.path("dist"))
            }
        }
    }
}

/// What ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Terminate,
    Interrupt,
    Time,
    DeathOfTheCaller,
}

impl Ending {
    /// The exit status that tells of it.
    const fn status(self) -> i32 {
        match self {
            Self::Terminate | Self::DeathOfTheCaller => 143,
            Self::Interrupt => 130,
            Self::Time => 124,
        }
    }
}

pub fn children(pid: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_ascii_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

/// A call in a phase.
struct Call {
    phase: Phase,
    front_end: FrontEnd,
    /// Runtime directory and scratch directory.
    place: tempfile::TempDir,
    /// The one that its build has, and no other test's.
    uid: u32,
}

impl Call {
    fn new(phase: Phase, uid: u32) -> Self {
        let front_end = FrontEnd::new(&format!("{WHEEL}{}", phase.hook()));
        let place = directory();
        for name in ["runtime", "scratch"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        if phase == Phase::Copying {
            let source = front_end.path("source/many");
            fs::create_dir(&source).unwrap();
            // With a socket in it a tree is not shared with a build.
            drop(UnixListener::bind(source.join("socket")).unwrap());
            for number in 0..80_000 {
                let file = |number: u32| source.join(format!("f{number}"));
                match number % 40_000 {
                    0 => fs::write(file(number), "").unwrap(),
                    since => fs::hard_link(file(number - since), file(number)).unwrap(),
                }
            }
        }
        Self { phase, front_end, place, uid }
    }

    fn options(&self) -> Vec<String> {
        let path = |name: &str| self.place.path().join(name).to_str().unwrap().to_owned();
        let uid = self.uid.to_string();
        let own = ["--runtime", &path("runtime"), "--uids", &uid].map(str::to_owned).to_vec();
        match self.phase {
            Phase::ClearingAway => [own, vec!["--scratch".to_owned(), path("scratch")]].concat(),
            _ => own,
        }
    }

    fn command(&self, further: &[&str]) -> Command {
        let options = self.options();
        let options: Vec<_> = options.iter().map(String::as_str).chain(further.to_vec()).collect();
        let mut command = self.front_end.command(&options);
        // What it prints is not read.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Waits until the process is in the phase.
    fn await_phase(&self, pid: Pid, of: &mut Child) {
        let deadline = Instant::now() + Duration::from_mins(2);
        let mut has_started = false;
        while !self.phase.has_begun(pid, &self.front_end, &mut has_started) {
            assert!(Instant::now() < deadline, "{:?} did not begin", self.phase);
            if of.try_wait().unwrap().is_some() {
                let mut said = String::new();
                of.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("{:?} was not seen: {said}", self.phase);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Nothing was handed over, and the next call has the uid at once.
    fn assert_nothing_is_handed_over_and_nobody_waits(&self, what: &str) {
        assert_eq!(fs::read_dir(self.front_end.path("dist")).unwrap().count(), 0, "{what}");
        assert!(!self.front_end.path("control/output.json").exists(), "{what}");
        let begun = Instant::now();
        let mut next = bulkhead(&self.front_end.path("elsewhere"));
        next.arg("run").args(self.options()).args(["--", "/bin/true"]);
        let output = next.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{what}: {errors}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{what}: {:?}", begun.elapsed());
        self.sweep();
    }

    fn sweep(&self) {
        let mut gc = bulkhead(self.place.path());
        let output = gc.args(["gc", "--runtime"]).arg(self.place.path().join("runtime")).output();
        assert!(output.unwrap().status.success());
        assert_eq!(below(&self.place.path().join("scratch")), 0, "the sweep removes the rest");
        assert_eq!(below(&self.place.path().join("runtime/claim")), 0);
    }
}

fn below(place: &Path) -> usize {
    fs::read_dir(place).map_or(0, Iterator::count)
}

/// Ends the process and waits for it, whatever is asserted.
pub struct Reaped(pub Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// Waits for its end, without reading what it prints before that.
pub fn wait(child: &mut Child, latest: Instant) -> i32 {
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let by_signal = std::os::unix::process::ExitStatusExt::signal(&status);
            return status.code().or(by_signal.map(|number| 128 + number)).unwrap();
        }
        assert!(Instant::now() < latest, "it goes on");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[rstest]
fn a_call_ends_when_it_is_told_to_in_each_of_its_phases(
    #[values(
        Phase::Copying,
        Phase::Running,
        Phase::Draining,
        Phase::Inspecting,
        Phase::TakingOut,
        Phase::ClearingAway
    )]
    phase: Phase,
) {
    if !is_root() {
        return;
    }
    let endings = [Ending::Terminate, Ending::Interrupt, Ending::Time, Ending::DeathOfTheCaller];
    // How long it takes to begin.
    let mut begins = Duration::ZERO;
    let call = Call::new(phase, 62_700 + phase as u32);
    for ending in endings {
        let what = format!("{phase:?}, {ending:?}");
        match ending {
            Ending::Terminate | Ending::Interrupt => {
                let begun = Instant::now();
                let mut child = Reaped(call.command(&[]).spawn().unwrap());
                let pid = pid(&child.0);
                call.await_phase(pid, &mut child.0);
                begins = begun.elapsed();
                let signal = match ending {
                    Ending::Terminate => Signal::SIGTERM,
                    _ => Signal::SIGINT,
                };
                kill(pid, signal).unwrap();
                let status = wait(&mut child.0, Instant::now() + PROMPT);
                assert_eq!(status, ending.status(), "{what}");
            }
            Ending::Time => {
                // Stopped in the phase until the time is up, so that no machine is too fast for it.
                let time = 4 * begins + Duration::from_secs(1);
                let option = format!("{}ms", time.as_millis());
                let begun = Instant::now();
                let mut child = Reaped(call.command(&["--timeout", &option]).spawn().unwrap());
                let pid = pid(&child.0);
                call.await_phase(pid, &mut child.0);
                kill(pid, Signal::SIGSTOP).unwrap();
                std::thread::sleep(
                    (time + Duration::from_millis(20)).saturating_sub(begun.elapsed()),
                );
                kill(pid, Signal::SIGCONT).unwrap();
                let status = wait(&mut child.0, Instant::now() + PROMPT);
                assert_eq!(status, ending.status(), "{what}");
            }
            Ending::DeathOfTheCaller => {
                let command = call.command(&[]);
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", "\"$@\" & wait", "sh"]).arg(command.get_program());
                shell.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
                shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
                shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
                let mut shell = Reaped(shell.spawn().unwrap());
                let pid = loop {
                    if let Some(pid) = children(pid(&shell.0)).first() {
                        break *pid;
                    }
                };
                call.await_phase(pid, &mut shell.0);
                kill(self::pid(&shell.0), Signal::SIGKILL).unwrap();
                let latest = Instant::now() + PROMPT;
                while !is_gone(pid) {
                    assert!(Instant::now() < latest, "{what}: it goes on");
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
        call.assert_nothing_is_handed_over_and_nobody_waits(&what);
    }
}

pub fn is_gone(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.is_empty() || status.lines().any(|line| line.starts_with("State:\tZ"))
}

/// What a supervisor that was killed has left on disk is nobody's to wait for, however much that is.
#[test]
fn whoever_takes_a_lease_next_does_not_wait_for_what_a_dead_build_has_left() {
    if !is_root() {
        return;
    }
    let call = Call::new(Phase::ClearingAway, 62_720);
    let mut child = Reaped(call.command(&[]).spawn().unwrap());
    call.await_phase(pid(&child.0), &mut child.0);
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let scratch = call.place.path().join("scratch");
    assert_eq!(below(&scratch), 1, "the control: its directory is there");
    call.assert_nothing_is_handed_over_and_nobody_waits("killed");
}

/// Neither does a call wait for whoever should read what it says itself.
#[test]
fn a_caller_that_reads_nothing_of_what_is_said_does_not_keep_a_call_from_its_end() {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    if !is_root() {
        return;
    }
    let place = directory();
    // It is left out of the copy, which is said before anything runs.
    drop(UnixListener::bind(place.path().join("socket")).unwrap());
    let (_reader, writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    for (options, signal, status) in [
        (["--timeout", "1s"], None, 124),
        (["--timeout", "10m"], Some(Signal::SIGTERM), 143),
        (["--timeout", "10m"], Some(Signal::SIGINT), 130),
    ] {
        let mut command = bulkhead(place.path());
        command.arg("run").args(options).args(["--", "/bin/sleep", "300"]);
        command.stdout(Stdio::null()).stderr(writer.try_clone().unwrap());
        let mut child = Reaped(command.spawn().unwrap());
        if let Some(signal) = signal {
            std::thread::sleep(Duration::from_millis(500));
            kill(pid(&child.0), signal).unwrap();
        }
        assert_eq!(wait(&mut child.0, Instant::now() + PROMPT + PROMPT), status, "{signal:?}");
    }
}
