//! Tells what happens in a trial while it happens, and opens the shell.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{At, keep};
use crate::conduct::observer::{LabHandle, Observer, TrialEvent};
use crate::lab::shell;
use crate::oracle::SelfTest;
use crate::redact;
use crate::runner::interrupt;
use crate::schedule::Trial;

/// Longer sayings of a build are cut off.
const LONGEST: usize = 300;

/// The observer of `harness debug`.
pub(super) struct Guide<'a> {
    trial: &'a Trial,
    at: Option<At>,
    keep: Option<&'a Path>,
    out: &'a mut (dyn Write + Send),
    begin: Instant,
    paused: bool,
    trouble: Option<(PathBuf, io::Error)>,
}

impl<'a> Guide<'a> {
    /// One for a trial.
    pub(super) fn of(
        trial: &'a Trial,
        at: Option<At>,
        keep: Option<&'a Path>,
        out: &'a mut (dyn Write + Send),
    ) -> Self {
        let begin = Instant::now();
        Self { trial, at, keep, out, begin, paused: false, trouble: None }
    }

    /// Says what is going to be tried.
    pub(super) fn begin(&mut self) {
        let Trial { attack, target, level, host, .. } = self.trial;
        let head = format!("{} against {target} at {level}, host {host}", attack.id);
        self.say("trial", &head);
        self.say("", &attack.title);
        self.say("source", &attack.dir.display().to_string());
    }

    /// What could not be written, or not be opened.
    pub(super) fn end(mut self) -> Option<(PathBuf, io::Error)> {
        if self.at == Some(At::Escape) && !self.paused {
            self.say("shell", "none: the build never stood at its last mark");
        }
        self.trouble
    }

    fn say(&mut self, name: &str, what: &str) {
        let what: String = redact::one_line(what).chars().take(LONGEST).collect();
        // Whoever does not read on still gets his shell.
        let _ = writeln!(self.out, "{name:<9} {what}");
        let _ = self.out.flush();
    }

    fn timed(&mut self, what: &str) {
        let name = format!("{:>6.2} s", self.begin.elapsed().as_secs_f64());
        self.say(&name, what);
    }

    fn self_tested(&mut self, tests: &[SelfTest]) {
        for test in tests {
            let state = match &test.failure {
                None => "passed".to_owned(),
                Some(failure) => format!("failed: {failure}"),
            };
            self.say("oracle", &format!("self-test of {} {state}", test.oracle));
        }
    }

    fn open(&mut self, at: At, handle: LabHandle<'_>) {
        if self.at != Some(at) {
            return;
        }
        self.paused = true;
        let mut extra = vec![("PS1", format!("lab of {} $ ", self.trial.attack.id))];
        self.say("shell", "as the front end's caller, outside the sandbox; exit goes on");
        if let Some(hook) = handle.hook {
            let there = format!(
                "the build is process {hook}, $HOOK: /proc/$HOOK/root is what it sees, and \
                 `nsenter --target $HOOK --all` goes there"
            );
            self.say("", &there);
            extra.push(("HOOK", hook.to_string()));
        }
        if let Err(error) = shell::open(handle.lab, handle.front, &extra, &interrupt::is_asked) {
            self.say("shell", &format!("cannot be opened: {error}"));
            self.trouble.get_or_insert((PathBuf::from("the shell's terminal"), error));
        }
        self.timed("the shell is closed");
    }
}

impl Observer for Guide<'_> {
    fn pauses(&self) -> Vec<String> {
        let last = self.trial.attack.run.marks.last().cloned();
        if self.at == Some(At::Escape) { last.into_iter().collect() } else { Vec::new() }
    }

    fn sees(&mut self, moment: TrialEvent<'_>) {
        match moment {
            TrialEvent::LabMade { prefix, plants } => {
                for (plant, path) in plants {
                    self.say("plant", &format!("{plant}: {}", path.display()));
                }
                let front = if prefix.is_empty() { "nothing".to_owned() } else { prefix.join(" ") };
                self.say("in front", &front);
            }
            TrialEvent::SelfTested(tests) => self.self_tested(tests),
            TrialEvent::Before(handle) => {
                self.open(At::Before, handle);
                self.begin = Instant::now();
            }
            TrialEvent::Hook(hook) => self.timed(&format!("hook {hook}")),
            TrialEvent::Mark(mark) => self.timed(&format!("mark {mark}")),
            TrialEvent::AtTheEscape(handle) => self.open(At::Escape, handle),
            TrialEvent::HookEnded(hook, how) => self.timed(&format!("hook {hook} {how}")),
            TrialEvent::After(handle) => {
                self.timed("the front end has ended");
                self.open(At::After, handle);
            }
            TrialEvent::Over { root, changes, log } => {
                let Some(dir) = self.keep else { return };
                match keep::all(dir, root, changes, log) {
                    Ok(files) => {
                        let kept =
                            format!("{} ({files} of its files, log, writes.txt)", dir.display());
                        self.say("evidence", &kept);
                    }
                    Err(error) => self.trouble = Some((dir.to_owned(), error)),
                }
            }
        }
    }
}
