//! Processes of a build that have announced themselves and stand still for a while.
#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;

use super::observer::{LabHandle, TrialEvent};
use super::watch::{WORDS, Watch};
use crate::lab::file_watch::is_kernels;
use crate::lab::processes::Process;
use crate::oracle::privileges;

impl Watch<'_> {
    /// Looks at a process that stands still, and lets it go on.
    pub(super) fn hold(&mut self, number: i32) {
        let Some((all, process)) = self.standing(number) else {
            self.trace.missed = Some("a process that stood still was not found".to_owned());
            return;
        };
        let processes = &self.lab.processes;
        if self.trace.postures.len() < WORDS {
            let seen = privileges::examine(processes, &all, &process, self.namespace.as_ref());
            self.trace.postures.push(seen);
        }
        self.release(&process);
    }

    /// Lets somebody look around while the build stands still; no time counts meanwhile.
    pub(super) fn pause(&mut self, number: i32) {
        let Some((_, process)) = self.standing(number) else {
            self.trace.missed = Some("a process that stood still was not found".to_owned());
            return;
        };
        let begin = Instant::now();
        self.observer
            .sees(TrialEvent::AtTheEscape(LabHandle { hook: Some(process.pid), ..self.handle }));
        let lost = begin.elapsed();
        self.deadline += lost;
        self.trace.began = self.trace.began.map(|began| began + lost);
        self.release(&process);
    }

    /// Watches a file of the kernel as the process that stands still sees it, and lets it go on.
    pub(super) fn guard(&mut self, number: i32, path: &Path) {
        let Some((_, process)) = self.standing(number) else {
            self.trace.unwatched =
                Some("a process that waits to be watched was not found".to_owned());
            return;
        };
        if let Some(watched_files) = self.watched_files
            && is_kernels(path)
        {
            match self.lab.processes.seen_by(process.pid, path) {
                // What it does not even see, it cannot open.
                Err(_hidden) => self.trace.watched.push(path.to_owned()),
                Ok(file) => match watched_files.add(path, std::os::fd::AsFd::as_fd(&file)) {
                    Ok(()) => self.trace.watched.push(path.to_owned()),
                    Err(error) => {
                        let sentence = format!("{} cannot be watched: {error}", path.display());
                        self.trace.unwatched = Some(sentence);
                    }
                },
            }
        }
        self.release(&process);
    }

    /// The process that calls itself `number`, and all others.
    fn standing(&self, number: i32) -> Option<(Vec<Process>, Process)> {
        let all = self.lab.processes.list().unwrap_or_default();
        let ancestor = self.supervisor.or(self.frontend)?;
        let process = privileges::held(&all, ancestor, number)?.clone();
        Some((all, process))
    }

    fn release(&self, process: &Process) {
        // It may have died meanwhile, and goes on by itself after three seconds anyway.
        let _gone = self.lab.processes.signal(process.pid, Signal::USR1);
    }
}
