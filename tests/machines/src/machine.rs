//! A virtual machine that runs, and the agent in it.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::kernel::Kernel;
use crate::trouble::{Trouble, at};

/// How long a start may take; without help of the processor it is some minutes under load.
const START: Duration = Duration::from_mins(10);
/// How often a machine that starts is asked whether it has.
const KNOCK: Duration = Duration::from_secs(1);
/// What an answer takes on its way, beside the time that the script was given.
const ANSWER: Duration = Duration::from_mins(1);

/// What a machine is started from.
pub struct Parts<'a> {
    /// Its kernel.
    pub kernel: &'a Kernel,
    /// What the kernel starts with.
    pub start: &'a Path,
    /// The disks, the root first; none of them is changed.
    pub disks: &'a [PathBuf],
    /// Further words of the kernel's command line.
    pub words: &'a [&'a str],
    /// Where the socket and the console's log go.
    pub place: &'a Path,
}

/// One machine; it ends with this value, and with this process.
pub struct Machine {
    emulator: Child,
    agent: BufReader<UnixStream>,
    /// What has come of a line that is not whole yet.
    line: Vec<u8>,
    requests: u64,
    release: String,
    console: PathBuf,
}

#[derive(Serialize)]
struct Request<'a> {
    id: u64,
    script: &'a str,
    seconds: u64,
}

/// What became of a script.
#[derive(Debug, Deserialize)]
pub struct Answer {
    id: u64,
    /// Its exit status; 124 where it took too long.
    pub status: u8,
    /// What it wrote to both outputs.
    pub output: String,
}

impl Machine {
    /// Starts one and waits until its agent answers.
    pub fn boot(parts: &Parts<'_>) -> Result<Self, Trouble> {
        let socket = parts.place.join("agent.socket");
        let console = parts.place.join("console.log");
        let _ = std::fs::remove_file(&socket);
        let mut emulator = at(&console, emulator(parts, &socket, &console).spawn())?;
        let until = Instant::now() + START;
        let agent = match connect(&socket, &mut emulator, until) {
            Ok(agent) => BufReader::new(agent),
            Err(error) => {
                let _ = emulator.kill();
                let _ = emulator.wait();
                return at(&socket, Err(error));
            }
        };
        let release = parts.kernel.release.clone();
        let mut machine = Self { emulator, agent, line: Vec::new(), requests: 0, release, console };
        machine.wait_for_agent(until)?;
        Ok(machine)
    }

    fn lost(&self, what: impl Into<String>) -> Trouble {
        let (release, console) = (self.release.clone(), self.console.display().to_string());
        Trouble::Lost { release, what: what.into(), console }
    }

    fn wait_for_agent(&mut self, until: Instant) -> Result<(), Trouble> {
        while Instant::now() < until {
            self.send("\n")?;
            if let Some(answer) = self.receive(Instant::now() + KNOCK)? {
                return if answer.output == self.release {
                    Ok(())
                } else {
                    Err(self.lost(format!("says that it runs {}", answer.output)))
                };
            }
        }
        Err(self.lost("did not start in time"))
    }

    /// Runs a script of bash as root, for `seconds` at most.
    pub fn run(&mut self, script: &str, seconds: u64) -> Result<Answer, Trouble> {
        self.requests += 1;
        let request = Request { id: self.requests, script, seconds };
        let line = serde_json::to_string(&request)
            .map_err(|error| self.lost(format!("cannot be asked: {error}")))?;
        self.send(&(line + "\n"))?;
        let until = Instant::now() + Duration::from_secs(seconds) + ANSWER;
        while let Some(answer) = self.receive(until)? {
            // Answers to knocks may still be on their way.
            if answer.id == self.requests {
                return Ok(answer);
            }
        }
        Err(self.lost("did not answer in time"))
    }

    fn send(&mut self, line: &str) -> Result<(), Trouble> {
        let sent = self.agent.get_mut().write_all(line.as_bytes());
        sent.map_err(|error| self.lost(format!("cannot be asked: {error}")))
    }

    /// One answer, or nothing in time.
    fn receive(&mut self, until: Instant) -> Result<Option<Answer>, Trouble> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let waited = self.agent.get_ref().set_read_timeout(Some(left));
            waited.map_err(|error| self.lost(error.to_string()))?;
            match self.agent.read_until(b'\n', &mut self.line) {
                Ok(0) => return Err(self.lost("has ended")),
                // The port echoes what comes before the agent has it.
                Ok(_) if self.line.trim_ascii().is_empty() => self.line.clear(),
                Ok(_) => break,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(self.lost(error.to_string())),
            }
        }
        let answer = serde_json::from_slice(&std::mem::take(&mut self.line));
        answer.map(Some).map_err(|error| self.lost(format!("gave no answer: {error}")))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Nothing that it wrote is kept, so it need not be shut down.
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

/// Whether the processor helps. The device alone says little: what stands behind it may run only
/// kernels that are made for it.
fn helped() -> bool {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut flags =
        processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default().split(' ');
    let able = flags.any(|flag| matches!(flag, "vmx" | "svm"));
    able && std::fs::File::options().read(true).write(true).open("/dev/kvm").is_ok()
}

fn emulator(parts: &Parts<'_>, socket: &Path, console: &Path) -> Command {
    // Whatever ends this process, also SIGKILL, ends the machine.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    let acceleration = if helped() { "kvm" } else { "tcg,thread=multi" };
    let processor = if helped() { "host" } else { "max" };
    command.args(["-accel", acceleration, "-cpu", processor, "-smp", "2", "-m", "2G"]);
    command.args(["-nic", "none", "-display", "none", "-no-reboot"]);
    command.arg("-kernel").arg(parts.kernel.image()).arg("-initrd").arg(parts.start);
    for disk in parts.disks {
        let disk = disk.display();
        let options = format!("file={disk},format=raw,if=virtio,snapshot=on,cache=unsafe");
        command.arg("-drive").arg(options);
    }
    // On a busy machine without that help, the kernel's check of its timer fails now and then.
    let words = ["no_timer_check", "console=ttyS0", "panic=-1", "mitigations=off", "loglevel=4"];
    command.arg("-append").arg([&words, parts.words].concat().join(" "));
    command.arg("-serial").arg(format!("file:{}", console.display()));
    command.arg("-serial").arg(format!("unix:{},server=on,wait=off", socket.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn connect(socket: &Path, emulator: &mut Child, until: Instant) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket) {
            Err(_) if emulator.try_wait()?.is_some() => {
                return Err(io::Error::other("qemu did not start; what it said stands above"));
            }
            Err(_) if Instant::now() < until => std::thread::sleep(KNOCK / 5),
            answer => return answer,
        }
    }
}
