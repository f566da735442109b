//! The trace of a build: what was seen while it ran, and what follows from it.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::FileType;
use sandbox::Level;

use crate::catalogue::attack::Hook;
use crate::oracle::{Posture, Survivor};
use crate::schedule::Trial;
use crate::target::Run;
use crate::target::spent::{Phase, Stopwatch};

/// What was seen while the build ran.
#[derive(Debug, Default)]
pub(super) struct BuildTrace {
    /// What goes into the report.
    pub(super) run: Run,
    /// What outlived the front end.
    pub(super) survivors: Vec<Survivor>,
    /// The processes that stood still to be looked at.
    pub(super) postures: Vec<Posture>,
    /// The victims that ended, and by which signal.
    pub(super) victims_ended: BTreeMap<String, Option<i32>>,
    /// What the hooks returned.
    pub(super) values: Vec<String>,
    /// The names and requirements that hooks returned: hook, texts.
    pub(super) items: Vec<(String, Vec<String>)>,
    /// The build printed more than is kept.
    pub(super) log_cut_off: bool,
    /// All that it printed, in bytes.
    pub(super) printed: u64,
    /// When the front end turned to the hook that it works on now.
    pub(super) began: Option<Instant>,
    /// The longest time that the front end spent on a hook, and on what it does around one.
    pub(super) longest: Duration,
    /// The processes could not be seen: why no oracle can be relied on.
    pub(super) blind: Option<String>,
    /// A process stood still and was not found: why no look at a held process can be relied on.
    pub(super) missed: Option<String>,
    /// A file of the kernel could not be watched for a process: why what was not seen proves
    /// nothing.
    pub(super) unwatched: Option<String>,
    /// The files of the kernel that are watched.
    pub(super) watched: Vec<PathBuf>,
    /// The front end and its sandboxes, by their numbers within the lab.
    pub(super) ours: Vec<i32>,
    /// How the sandbox ended.
    pub(super) status: Option<i32>,
    /// What the second build returned, or raised.
    pub(super) second: Option<Result<String, String>>,
    /// The signal of the manifest was sent.
    pub(super) interrupted: bool,
    /// The driver came to its end.
    pub(super) done: bool,
    /// How the front end ended: status or signal.
    pub(super) ended: Option<(Option<i32>, Option<i32>)>,
    /// What the front end spent its time on.
    pub(super) stopwatch: Stopwatch,
}

impl BuildTrace {
    /// Whether a process is the lab's first one, the front end, or a sandbox itself.
    pub(super) fn is_ours(&self, pid: i32) -> bool {
        pid == 1 || self.ours.contains(&pid)
    }

    /// The front end has done with a hook, or was cut off.
    pub(super) fn hook_ended(&mut self) {
        let ran = self.began.take().map(|began| began.elapsed());
        self.stopwatch.lap(if ran.is_some() { Phase::Hooks } else { Phase::FrontEnd });
        self.longest = self.longest.max(ran.unwrap_or_default());
    }

    /// Draws the conclusions that need the files: whether the build built, refused, or broke.
    pub(super) fn conclude(&mut self, trial: &Trial, exists: impl Fn(&str) -> Option<FileType>) {
        let hooks = &trial.attack.run.hooks;
        let run = &mut self.run;
        let returned = run.hooks.iter().filter(|end| end.returned).count();
        run.built = returned == hooks.len()
            && match hooks.last() {
                Some(Hook::BuildWheel | Hook::BuildSdist | Hook::BuildEditable) => {
                    self.values.last().and_then(|name| exists(plain(name)))
                        == Some(FileType::RegularFile)
                }
                Some(
                    Hook::PrepareMetadataForBuildWheel | Hook::PrepareMetadataForBuildEditable,
                ) => {
                    self.values.last().and_then(|name| exists(plain(name)))
                        == Some(FileType::Directory)
                }
                _ => true,
            };
        // A payload can end with this status too, but not before it was run.
        if trial.level != Level::None && self.status == Some(125) && run.marks.is_empty() {
            run.refused = Some(sentence(&run.log));
        }
        if run.broken.is_none() && !run.timed_out && !self.done && !self.interrupted {
            let how = match self.ended {
                Some((_, Some(signal))) => format!("by signal {signal}"),
                Some((Some(code), _)) => format!("with status {code}"),
                _ => "without a word".to_owned(),
            };
            run.broken = Some(format!("the front end ended {how}: {}", last_line(&run.log)));
        }
    }

    /// What became of the second build.
    pub(super) fn second_build(
        &self,
        exists: impl Fn(&str) -> Option<FileType>,
    ) -> Result<(), String> {
        match &self.second {
            None => Err("it did not return".to_owned()),
            Some(Err(exception)) => Err(exception.clone()),
            Some(Ok(name)) if exists(plain(name)) == Some(FileType::RegularFile) => Ok(()),
            Some(Ok(_)) => Err("its wheel is not where it belongs".to_owned()),
        }
    }
}

/// A text without the quotes that Python puts around it.
fn plain(value: &str) -> &str {
    value.trim_matches(['\'', '"'])
}

/// The sentence with which the sandbox refused.
fn sentence(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let found = text.lines().rev().find_map(|line| line.strip_prefix("bulkhead: "));
    found.unwrap_or("the sandbox ran nothing and did not say why").to_owned()
}

fn last_line(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}
