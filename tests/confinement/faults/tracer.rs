//! A launch under `ptrace(2)`: every system call of it is seen, and one of them made to fail, or all
//! answered as another kernel would.
//!
//! `strace` can do the like, but it counts the calls of all processes together and knows nothing of
//! the moment at which the payload begins. Here a call is named by its process, its number and how
//! many like it came before, which is the same in every launch.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::posture::Posture;

/// The programs that are payloads.
const PAYLOADS: [&str; 2] = ["true", "dash"];

/// A launch that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A system call of a launch: the `nth` one of that number in that process, in order of their start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub process: usize,
    pub call: u64,
    pub nth: usize,
}

/// What was seen of a launch.
#[derive(Debug, Default)]
pub struct Traced {
    /// Every call up to the first instruction of the payload.
    pub points: Vec<Point>,
    /// What the processes were, in order of their start.
    pub roles: Vec<String>,
    /// Whether the call that was to fail was made.
    pub reached: bool,
    /// What the kernel showed of the payload when it began; nothing where it did not run.
    pub payload: Option<Posture>,
    /// How many of the calls were made before that.
    pub before: usize,
    /// What the kernel showed of the inspector of the outputs when it had confined itself.
    pub inspector: Option<Posture>,
    /// The exit status; none where a signal ended the supervisor.
    pub status: Option<i32>,
    /// Whether it had to be ended.
    pub hung: bool,
    pub stdout: String,
    pub stderr: String,
}

/// A process that is being traced.
#[derive(Debug)]
struct Tracee {
    number: usize,
    counts: BTreeMap<u64, usize>,
    /// What the call that this process is in will have answered at its end.
    answer: Option<i64>,
    /// Whether it is the inspector.
    inspects: bool,
}

/// What is other than it would be.
#[derive(Clone, Copy)]
pub enum Disturbance<'a> {
    Nothing,
    /// One call fails.
    Fault(Point, Errno),
    /// What the kernel answers to a call, where it is not this one's answer.
    Answers(&'a dyn Fn(Pid, &libc::user_regs_struct) -> Option<i64>),
}

struct Tracer<'a> {
    root: Pid,
    program: &'a Path,
    disturbance: Disturbance<'a>,
    /// Every traced process that lives; shared with whoever ends a launch that hangs.
    living: Arc<Mutex<BTreeSet<i32>>>,
    tracees: BTreeMap<Pid, Tracee>,
    parents: BTreeMap<i32, usize>,
    /// Whether the program runs already, and the payload not yet; or no more, with whoever looks into
    /// what it left.
    watching: bool,
    traced: Traced,
}

/// Follows `child`, which is about to become `program` once `go` has been called, to the end of
/// everything that it starts.
pub fn follow(
    mut child: Child,
    program: &Path,
    disturbance: Disturbance<'_>,
    go: impl FnOnce(&mut Child),
) -> Traced {
    let root = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(root, options).unwrap();
    go(&mut child);
    let living = Arc::new(Mutex::new(BTreeSet::from([root.as_raw()])));
    let mut tracer = Tracer {
        root,
        program,
        disturbance,
        living: Arc::clone(&living),
        tracees: BTreeMap::new(),
        parents: BTreeMap::new(),
        watching: false,
        traced: Traced::default(),
    };
    let (done, is_done) = channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let hangs = is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
        if hangs {
            for pid in living.lock().unwrap().iter() {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
        }
        hangs
    });
    tracer.until_all_are_dead();
    drop(done);
    let mut seen = tracer.traced;
    seen.hung = watchdog.join().unwrap();
    child.stdout.take().unwrap().read_to_string(&mut seen.stdout).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut seen.stderr).unwrap();
    seen
}

impl Tracer<'_> {
    fn until_all_are_dead(&mut self) {
        // Children of this thread alone: those of other tests are theirs to wait for.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            match waitpid(None, Some(flags)) {
                Err(Errno::ECHILD) => return,
                Err(Errno::EINTR) => {}
                Err(errno) => panic!("waitpid: {errno}"),
                Ok(WaitStatus::Exited(pid, code)) => self.forget(pid, Some(code)),
                Ok(WaitStatus::Signaled(pid, _, _)) => self.forget(pid, None),
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => self.event(pid, event),
                Ok(WaitStatus::PtraceSyscall(pid)) => self.call(pid),
                Ok(WaitStatus::Stopped(pid, signal)) => self.resume(pid, Some(signal)),
                Ok(other) => panic!("an unexpected state: {other:?}"),
            }
        }
    }

    fn forget(&mut self, pid: Pid, status: Option<i32>) {
        if pid == self.root {
            self.traced.status = status;
        }
        self.living.lock().unwrap().remove(&pid.as_raw());
    }

    fn event(&mut self, pid: Pid, event: i32) {
        let is = |wanted: Event| event == wanted as i32;
        if is(Event::PTRACE_EVENT_EXEC) {
            return self.exec(pid);
        }
        if is(Event::PTRACE_EVENT_FORK)
            || is(Event::PTRACE_EVENT_VFORK)
            || is(Event::PTRACE_EVENT_CLONE)
        {
            let parent = self.number(pid);
            // A parent that was killed meanwhile cannot be asked (`ESRCH`); its child ends with it.
            if let Ok(child) = ptrace::getevent(pid) {
                self.parents.insert(i32::try_from(child).unwrap(), parent);
            }
            // What the supervisor starts when the payload has run.
            self.watching |= pid == self.root && self.traced.payload.is_some();
        }
        self.living.lock().unwrap().insert(pid.as_raw());
        self.resume(pid, None);
    }

    /// A process has become another program.
    fn exec(&mut self, pid: Pid) {
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        if pid == self.root {
            self.watching = exe == self.program;
            return self.resume(pid, None);
        }
        let number = self.number(pid);
        if exe == self.program {
            "inspector".clone_into(&mut self.traced.roles[number]);
            if let Some(tracee) = self.tracees.get_mut(&pid) {
                tracee.inspects = true;
            }
            return self.resume(pid, None);
        }
        if PAYLOADS.iter().any(|name| exe.ends_with(name)) && self.traced.payload.is_none() {
            self.traced.payload = Some(Posture::of(pid));
            self.traced.before = self.traced.points.len();
            "payload".clone_into(&mut self.traced.roles[number]);
            if let Some(parent) = self.parents.get(&pid.as_raw()) {
                "init".clone_into(&mut self.traced.roles[*parent]);
            }
            self.watching = false;
            return self.resume(pid, None);
        }
        // A program of the system's, such as `useradd`: what it does is not the launch.
        self.living.lock().unwrap().remove(&pid.as_raw());
        let _ = ptrace::detach(pid, None);
    }

    /// The number of a process in order of their start.
    fn number(&mut self, pid: Pid) -> usize {
        let next = self.tracees.len();
        if !self.tracees.contains_key(&pid) {
            let role = if next == 0 { "supervisor".to_owned() } else { format!("child {next}") };
            self.traced.roles.push(role);
            let tracee =
                Tracee { number: next, counts: BTreeMap::new(), answer: None, inspects: false };
            self.tracees.insert(pid, tracee);
        }
        self.tracees[&pid].number
    }

    /// A system call begins or ends.
    fn call(&mut self, pid: Pid) {
        // A process that was killed meanwhile cannot be asked.
        if let Ok(info) = ptrace::syscall_info(pid) {
            match info.op {
                libc::PTRACE_SYSCALL_INFO_ENTRY => self.begins(pid),
                libc::PTRACE_SYSCALL_INFO_EXIT => self.ends(pid),
                _ => {}
            }
        }
        self.resume(pid, None);
    }

    fn begins(&mut self, pid: Pid) {
        let Ok(mut registers) = ptrace::getregs(pid) else { return };
        let process = self.number(pid);
        let tracee = self.tracees.get_mut(&pid).unwrap();
        let count = tracee.counts.entry(registers.orig_rax).or_default();
        *count += 1;
        let point = Point { process, call: registers.orig_rax, nth: *count };
        if self.watching {
            self.traced.points.push(point);
        }
        let filter = libc::SYS_seccomp.unsigned_abs();
        let confined = point.call != filter && tracee.counts.contains_key(&filter);
        if tracee.inspects && confined && self.traced.inspector.is_none() {
            self.traced.inspector = Some(Posture::of(pid));
        }
        tracee.answer = match self.disturbance {
            // `brk(2)` reports no error, but a break that is not where it was to be.
            Disturbance::Fault(wanted, _)
                if wanted == point && point.call == libc::SYS_brk.unsigned_abs() =>
            {
                Some(0)
            }
            Disturbance::Fault(wanted, errno) if wanted == point => Some(-i64::from(errno as i32)),
            Disturbance::Answers(answers) if self.watching => answers(pid, &registers),
            _ => None,
        };
        // A descriptor is gone even if its closing reports an error (`close(2)`).
        // Any other call is not made; another stands in its place, which every filter allows.
        if tracee.answer.is_some() {
            self.traced.reached = true;
            if point.call != libc::SYS_close.unsigned_abs() {
                registers.orig_rax = libc::SYS_getpid.unsigned_abs();
                let _ = ptrace::setregs(pid, registers);
            }
        }
    }

    fn ends(&mut self, pid: Pid) {
        let answer = self.tracees.get_mut(&pid).and_then(|tracee| tracee.answer.take());
        let (Some(answer), Ok(mut registers)) = (answer, ptrace::getregs(pid)) else { return };
        registers.rax = answer.cast_unsigned();
        let _ = ptrace::setregs(pid, registers);
    }

    fn resume(&self, pid: Pid, signal: Option<Signal>) {
        let failing = self.tracees.get(&pid).is_some_and(|tracee| tracee.answer.is_some());
        let once = matches!(self.disturbance, Disturbance::Fault(..));
        let looked_at =
            self.tracees.get(&pid).is_none_or(|it| !it.inspects) || self.traced.inspector.is_some();
        let over = once && self.traced.reached && !failing && looked_at;
        // It may have been killed in the meantime, and then says so at the next turn.
        let _ = if self.watching && !over {
            ptrace::syscall(pid, signal)
        } else {
            ptrace::cont(pid, signal)
        };
    }
}
