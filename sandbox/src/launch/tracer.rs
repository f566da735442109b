//! Following every process of a build, for `--why`.
//!
//! One thread follows, for the kernel wants who follows a process to be the one who goes on with it,
//! and the supervisor has a clock, signals and a log to attend to. It begins when the payload's
//! process waits at the gate, confined and looked at, and is over when the first process of the build
//! is dead: what of the build lives on then is let go of, and ends as it would have.
//!
//! A process behaves as it would unfollowed: every signal is handed on, what a signal stops stays
//! stopped, and nothing of it is written to. Should this thread end before its time, the kernel ends
//! what it follows (`PTRACE_O_EXITKILL`), so that nothing goes on unseen.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::fs::{CWD, readlinkat};
use rustix::io::Errno;
use rustix::process::{Pid, wait};

use super::LaunchError;
use crate::host::kernel_file::number_of;
use crate::plan::Plan;
use crate::sys::ptrace::{self, EXEC, STOP};
use crate::why::{Recorder, Trace};

/// How long it is waited for the end of a thread that follows nobody who is alive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The signals that stop a process, and the one by which the kernel stops one for who follows it.
const STOPPING: [i32; 4] = [19, 20, 21, 22];
const TRAP: i32 = 5;
/// The bit that tells a stop at a system call from one by that signal (`PTRACE_O_TRACESYSGOOD`).
const AT_A_CALL: i32 = TRAP | 0x80;

/// The thread that follows a build.
#[derive(Debug)]
pub(super) struct Tracer {
    thread: JoinHandle<()>,
    begun: Receiver<Result<(), Errno>>,
    over: Receiver<Trace>,
}

impl Tracer {
    /// Follows the process behind `pidfd`, which is the payload's and waits.
    ///
    /// # Errors
    /// It cannot be followed, and must not run: what was asked for would not be had.
    pub(super) fn follow(plan: &Plan, pidfd: &OwnedFd) -> Result<Self, LaunchError> {
        let failed = |error: io::Error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            LaunchError::NotFollowed { errno }
        };
        let number = own_number(pidfd).map_err(failed)?;
        let pid = number.ok_or(LaunchError::NotFollowed { errno: Errno::SRCH })?;
        let recorder = Recorder::new(plan);
        let recorder = recorder.ok_or(LaunchError::NotFollowed { errno: Errno::NOSYS })?;
        let (begins, begun) = channel();
        let (ends, over) = channel();
        let work = move || {
            let seized = ptrace::seize(pid);
            let follows = seized.is_ok();
            let _ = begins.send(seized);
            if follows {
                // Who waits for this may have given up.
                let _ = ends.send(Following::of(pid, recorder).until_the_end());
            }
        };
        let thread = Builder::new().name("why".to_owned()).spawn(work).map_err(failed)?;
        let tracer = Self { thread, begun, over };
        match tracer.begun.recv() {
            Ok(Ok(())) => Ok(tracer),
            begun => {
                // It has nothing to do and ends.
                let _ = tracer.thread.join();
                let errno = begun.map_or(Errno::IO, |begun| begun.err().unwrap_or(Errno::IO));
                Err(LaunchError::NotFollowed { errno })
            }
        }
    }

    /// What was seen, once every process of the build is dead or let go of; none where the thread has
    /// ended before, by a defect, and with it what it followed.
    pub(super) fn finish(self) -> Option<Trace> {
        let trace = self.over.recv_timeout(PATIENCE).ok()?;
        let _ = self.thread.join();
        Some(trace)
    }
}

/// The number of the process behind `pidfd`, where `/proc` numbers processes as this process does.
fn own_number(pidfd: &OwnedFd) -> io::Result<Option<Pid>> {
    let own = readlinkat(CWD, "/proc/self", Vec::new())?;
    if own.to_bytes() != rustix::process::getpid().as_raw_nonzero().to_string().as_bytes() {
        return Ok(None);
    }
    Ok(number_of(pidfd)?.parse().ok().and_then(Pid::from_raw))
}

/// What the thread knows.
struct Following {
    recorder: Recorder,
    alive: HashSet<i32>,
    /// The first process is dead: whoever stops is let go of.
    over: bool,
}

impl Following {
    fn of(pid: Pid, recorder: Recorder) -> Self {
        Self { recorder, alive: HashSet::from([pid.as_raw_nonzero().get()]), over: false }
    }

    fn until_the_end(mut self) -> Trace {
        loop {
            match wait(ptrace::options_of_waiting()) {
                Ok(Some((pid, status))) => self.attend(pid, status.as_raw()),
                Ok(None) | Err(Errno::INTR) => {}
                // Nobody is left.
                Err(_) => return self.recorder.finish(),
            }
        }
    }

    fn attend(&mut self, pid: Pid, status: i32) {
        let number = pid.as_raw_nonzero().get();
        if status & 0xff != 0x7f {
            self.alive.remove(&number);
            if !self.over && self.recorder.ended(number, status) {
                self.let_all_go();
            }
            return;
        }
        let (signal, event) = (status >> 8 & 0xff, status >> 16);
        self.alive.insert(number);
        if self.over {
            return self.let_go(pid, signal, event);
        }
        // Whoever has been killed meanwhile cannot be asked, and says so at the next turn.
        let _ = match (signal, event) {
            (AT_A_CALL, 0) => {
                if let Ok(at) = ptrace::place(pid) {
                    self.recorder.call(number, at);
                }
                ptrace::go_on(pid, 0)
            }
            (signal, STOP) if STOPPING.contains(&signal) => ptrace::listen(pid),
            (_, EXEC) => {
                let former = ptrace::message(pid).ok().and_then(|it| i32::try_from(it).ok());
                self.recorder.executed(number, former.unwrap_or(number));
                ptrace::go_on(pid, 0)
            }
            (signal, 0) => ptrace::go_on(pid, signal),
            _ => ptrace::go_on(pid, 0),
        };
    }

    /// Stops whoever is left, to be let go of.
    fn let_all_go(&mut self) {
        self.over = true;
        for number in &self.alive {
            if let Some(pid) = Pid::from_raw(*number) {
                // What has stopped already has said so, or is stopped by a signal and says it again.
                let _ = ptrace::interrupt(pid);
            }
        }
    }

    fn let_go(&mut self, pid: Pid, signal: i32, event: i32) {
        let delivered = if event == 0 && signal != AT_A_CALL { signal } else { 0 };
        if ptrace::let_go(pid, delivered).is_ok() {
            self.alive.remove(&pid.as_raw_nonzero().get());
        }
    }
}
