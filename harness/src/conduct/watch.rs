//! Watches a build from outside: what it prints, what the driver reports, who lives and dies.
#![forbid(unsafe_code)]

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;
use sandbox::Level;

use super::build_trace::BuildTrace;
use super::observer::{DynObserver, LabHandle, TrialEvent};
use crate::catalogue::attack::{InterruptSignal, OracleKind, Privilege, Whom};
use crate::frontend::events::{Event, Lines};
use crate::lab::file_watch::FileWatch;
use crate::lab::pace::Pace;
use crate::lab::processes::Process;
use crate::lab::wire::LabEvent;
use crate::lab::{Lab, wait};
use crate::oracle::{Survivor, privileges, remnants};
use crate::runner::interrupt;
use crate::schedule::Trial;
use crate::target::HookEnd;
use crate::target::spent::Phase;

/// What is kept of what a build prints.
const LOG: usize = 1 << 20;
/// No more marks, holds and sayings than this are taken.
pub(super) const WORDS: usize = 1_000;
/// What a front end may need besides the build: the start of an interpreter.
const MARGIN: Duration = Duration::from_secs(2);
/// How long a process may take to end once the front end has. Where none is left, nobody waits.
const GRACE: Duration = Duration::from_millis(500);
/// And once somebody was killed in the middle of the build.
const LONG_GRACE: Duration = Duration::from_millis(1500);
/// Between two looks at the list of processes.
const PAUSE: Duration = Duration::from_millis(5);
/// After this time what has still work to do is one that does not end.
const LATEST: Duration = Duration::from_secs(5);
/// How long nothing may happen before somebody looks whether the user wants to stop.
const NAP: Duration = Duration::from_millis(100);

/// The watch over one trial.
pub(super) struct Watch<'a> {
    pub(super) lab: &'a Lab,
    pub(super) watched_files: Option<&'a FileWatch>,
    trial: &'a Trial,
    pace: Pace,
    prompt: Vec<u8>,
    pub(super) trace: BuildTrace,
    printed: Lines,
    reported: Lines,
    open: [bool; 3],
    pub(super) frontend: Option<i32>,
    pub(super) supervisor: Option<i32>,
    pending: bool,
    pub(super) namespace: Option<String>,
    pub(super) deadline: Instant,
    pub(super) handle: LabHandle<'a>,
    pub(super) observer: &'a mut DynObserver<'a>,
}

impl<'a> Watch<'a> {
    /// A watch over a lab whose front end has not started yet.
    pub(super) fn of(
        handle: LabHandle<'a>,
        watched_files: Option<&'a FileWatch>,
        trial: &'a Trial,
        pace: Pace,
        nonce: &str,
        observer: &'a mut DynObserver<'a>,
    ) -> Self {
        Self {
            lab: handle.lab,
            watched_files,
            trial,
            prompt: format!("@bulkhead {nonce} ").into_bytes(),
            trace: BuildTrace::default(),
            printed: Lines::default(),
            reported: Lines::default(),
            open: [true; 3],
            frontend: None,
            supervisor: None,
            pending: false,
            namespace: None,
            pace,
            deadline: Instant::now() + pace.stretched(trial.attack.run.timeout + MARGIN),
            handle,
            observer,
        }
    }

    /// Starts the front end and watches until it has ended and everything is quiet, or until the
    /// deadline.
    pub(super) fn follow(mut self) -> BuildTrace {
        if let Err(error) = self.lab.start() {
            self.trace.run.broken = Some(format!("the front end cannot be started: {error}"));
            return self.trace;
        }
        while self.trace.ended.is_none() && self.trace.run.broken.is_none() {
            // A build that never stops printing is cut off as well as one that never prints.
            let now = Instant::now();
            match self.round(self.deadline.min(now + NAP)) {
                Ok(_) if now < self.deadline && !interrupt::is_asked() => {}
                Ok(_) => {
                    self.trace.run.timed_out = true;
                    self.trace.hook_ended();
                    return self.trace;
                }
                Err(error) => self.trace.run.broken = Some(format!("the lab is gone: {error}")),
            }
        }
        self.trace.hook_ended();
        self.settle();
        self.trace.stopwatch.lap(Phase::Settling);
        self.trace
    }

    /// Waits until nothing runs that should not, but not for ever: until what is left has slept
    /// through a span of grace. What has work to do and no processor to do it on, as a helper that
    /// would end by itself on a busy machine, has not settled yet.
    fn settle(&mut self) {
        let grace = if self.trace.interrupted { LONG_GRACE } else { GRACE };
        let grace = self.pace.stretched(grace);
        let mut end = Instant::now() + grace;
        let latest = Instant::now() + self.pace.stretched(LATEST);
        loop {
            // What was printed before the end is still in the pipes.
            while matches!(self.round(Instant::now()), Ok(true)) && Instant::now() < end {}
            let survivors = self.others().unwrap_or_else(|error| {
                self.trace.blind = Some(format!("the processes cannot be listed: {error}"));
                Vec::new()
            });
            let now = Instant::now();
            if survivors.iter().any(has_work) {
                end = end.max(latest.min(now + grace));
            }
            if survivors.is_empty() || now >= end || interrupt::is_asked() {
                self.trace.survivors = survivors
                    .into_iter()
                    .map(|process| Survivor {
                        arguments: self.lab.processes.arguments(process.pid),
                        process,
                    })
                    .collect();
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The living processes of the lab that are neither its own nor its victims.
    fn others(&self) -> std::io::Result<Vec<Process>> {
        let is_ours = |process: &Process| {
            process.pid == 1
                || process.state == 'Z'
                || self.lab.victims.iter().any(|victim| victim.pid == process.pid)
        };
        let mut all = self.lab.processes.list()?;
        all.retain(|process| !is_ours(process));
        Ok(all)
    }

    /// Waits for something to happen and takes it; false when nothing does until `deadline`.
    fn round(&mut self, deadline: Instant) -> std::io::Result<bool> {
        let lab = self.lab;
        let control = lab.control();
        let flags = |open: bool| if open { PollFlags::IN } else { PollFlags::empty() };
        let ready = {
            let streams = [lab.events.as_fd(), lab.out.as_fd(), lab.err.as_fd()];
            let mut watched: Vec<PollFd<'_>> =
                vec![PollFd::from_borrowed_fd(control, PollFlags::IN)];
            let open = streams.into_iter().zip(self.open).filter(|(_, open)| *open);
            watched.extend(open.map(|(fd, open)| PollFd::from_borrowed_fd(fd, flags(open))));
            if !wait(&mut watched, deadline)? {
                return Ok(false);
            }
            let mut seen = watched.iter().map(|entry| !entry.revents().is_empty());
            let control = seen.next().unwrap_or(false);
            (control, self.open.map(|open| open && seen.next().unwrap_or(false)))
        };
        let (news, [events, out, err]) = ready;
        // Events first: they say who the supervisor is before a mark asks for it.
        if events {
            let bytes = self.read(0, &lab.events)?;
            for line in self.reported.take(&bytes) {
                self.event(&line);
            }
        }
        if out {
            let bytes = self.read(1, &lab.out)?;
            self.keep(&bytes);
            for line in self.printed.take(&bytes) {
                self.line(&line);
            }
        }
        if err {
            let bytes = self.read(2, &lab.err)?;
            self.keep(&bytes);
        }
        self.interrupt();
        if news {
            self.news()?;
        }
        Ok(true)
    }

    /// One read of a pipe that has something.
    fn read(&mut self, number: usize, mut file: &std::fs::File) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; 64 * 1024];
        let length = file.read(&mut bytes)?;
        bytes.truncate(length);
        if let (0, Some(open)) = (length, self.open.get_mut(number)) {
            *open = false;
        }
        Ok(bytes)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.trace.printed = self.trace.printed.saturating_add(bytes.len() as u64);
        let log = &mut self.trace.run.log;
        let left = LOG.saturating_sub(log.len());
        log.extend(bytes.iter().take(left));
        self.trace.log_cut_off |= bytes.len() > left;
    }

    fn news(&mut self) -> std::io::Result<()> {
        let trace = &mut self.trace;
        match self.lab.news(Instant::now())? {
            Some(LabEvent::Started { pid }) => {
                self.frontend = Some(pid);
                trace.ours.push(pid);
                trace.blind = remnants::self_test(&self.lab.processes, pid);
            }
            Some(LabEvent::Ended { code, signal }) => trace.ended = Some((code, signal)),
            Some(LabEvent::VictimEnded { plant, signal }) => {
                trace.victims_ended.insert(plant, signal);
            }
            Some(LabEvent::Failed(reason)) => trace.run.broken = Some(reason),
            Some(LabEvent::Ready { .. }) => {}
            None => trace.run.broken = Some("the lab's first process is gone".to_owned()),
        }
        Ok(())
    }

    /// One line of the driver. Only the driver holds this pipe.
    fn event(&mut self, line: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(line) else { return };
        let trace = &mut self.trace;
        match event {
            Event::Supervisor { build, pid } if build == "trial" => {
                self.supervisor = Some(pid);
                // Without a sandbox this is the hook itself.
                if self.trial.level != Level::None {
                    trace.ours.push(pid);
                }
            }
            Event::Status { build, status } if build == "trial" => trace.status = Some(status),
            Event::Returned { build, hook, value, items } if build == "trial" => {
                trace.hook_ended();
                self.observer.sees(TrialEvent::HookEnded(&hook, &format!("returned {value}")));
                trace.values.push(value);
                trace.items.push((hook.clone(), items));
                trace.run.hooks.push(HookEnd { hook, returned: true, exception: None });
            }
            Event::Raised { build, hook, exception } if build == "trial" => {
                trace.hook_ended();
                self.observer.sees(TrialEvent::HookEnded(&hook, &format!("raised {exception}")));
                let exception = Some(exception);
                trace.run.hooks.push(HookEnd { hook, returned: false, exception });
            }
            Event::Returned { value, .. } => trace.second = Some(Ok(value)),
            Event::Raised { exception, .. } => trace.second = Some(Err(exception)),
            Event::Done => trace.done = true,
            Event::Hook { build, hook } if build == "trial" => {
                trace.stopwatch.lap(Phase::FrontEnd);
                trace.began = Some(Instant::now());
                self.observer.sees(TrialEvent::Hook(&hook));
            }
            Event::Hook { .. } | Event::Supervisor { .. } | Event::Status { .. } => {}
        }
    }

    /// One line of the build; hostile, unless it has the nonce, and then still only hearsay.
    fn line(&mut self, line: &[u8]) {
        let prompt = &self.prompt;
        let Some(at) = line.windows(prompt.len()).position(|window| window == prompt) else {
            return;
        };
        let rest = line.get(at + prompt.len()..).unwrap_or_default();
        let rest = String::from_utf8_lossy(rest).into_owned();
        let (verb, what) = rest.split_once(' ').unwrap_or((&rest, ""));
        let run = &mut self.trace.run;
        match verb {
            "mark" if run.marks.len() < WORDS && !run.marks.iter().any(|mark| mark == what) => {
                run.marks.push(what.to_owned());
                self.observer.sees(TrialEvent::Mark(what));
                self.marked(what);
            }
            "hold" => {
                if let Ok(number) = what.parse() {
                    self.hold(number);
                }
            }
            "pause" => {
                if let Ok(number) = what.parse() {
                    self.pause(number);
                }
            }
            "watch" => {
                if let Some((number, path)) = what.split_once(' ')
                    && let Ok(number) = number.parse()
                {
                    self.guard(number, Path::new(path));
                }
            }
            "said" if run.hearsay.len() < WORDS => run.hearsay.push(what.to_owned()),
            _ => {}
        }
    }

    fn marked(&mut self, mark: &str) {
        if self.trial.attack.run.interrupt.as_ref().is_some_and(|it| it.after == mark) {
            self.pending = true;
        }
        let is_nested = |kind: &OracleKind| {
            matches!(kind, OracleKind::PrivilegeGained { what: Privilege::NestedUserns })
        };
        let wanted = self.trial.attack.oracles.iter().any(|spec| is_nested(&spec.kind));
        if wanted && self.namespace.is_none() {
            let processes = &self.lab.processes;
            let all = processes.list().unwrap_or_default();
            let hook = all.iter().find_map(|it| privileges::hook_of(processes, &all, it.pid));
            self.namespace = hook.and_then(|hook| processes.namespace(hook, "user"));
        }
    }

    /// Sends the signal of the manifest, once its mark has arrived and its receiver is known.
    fn interrupt(&mut self) {
        let Some(interrupt) = &self.trial.attack.run.interrupt else { return };
        let whom = match interrupt.whom {
            Whom::Supervisor => self.supervisor,
            Whom::Frontend => self.frontend,
        };
        let signal = match interrupt.signal {
            InterruptSignal::Kill => Signal::KILL,
            InterruptSignal::Term => Signal::TERM,
            InterruptSignal::Int => Signal::INT,
        };
        if let (true, Some(pid)) = (self.pending, whom) {
            self.pending = false;
            self.trace.interrupted = true;
            if let Err(error) = self.lab.processes.signal(pid, signal) {
                self.trace.run.broken = Some(format!("the signal could not be sent: {error}"));
            }
        }
    }
}

/// Whether a process runs, waits for a processor, or for a disk.
const fn has_work(process: &Process) -> bool {
    matches!(process.state, 'R' | 'D')
}
