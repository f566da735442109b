//! What a trial left to look at: everything that the oracles judge, collected outside.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FileType;

use super::encodings::encodings;
use crate::lab::file_watch::Sighting;
use crate::lab::layout::Interpreter;
use crate::lab::listeners::Heard;
use crate::lab::processes::{Process, SchedulingState};
use crate::lab::snapshot::Change;

/// What a trial left.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The sandbox makes an account for every build, and removes it again.
    pub makes_accounts: bool,
    /// The interpreter, for the paths of templates.
    pub interpreter: Interpreter,
    /// The uid and the group of whoever started the build.
    pub caller: (u32, u32),
    /// The sandbox was killed in the middle of the build, as the manifest wants it.
    pub killed: bool,
    /// The trial's nonce.
    pub nonce: String,
    /// The canaries by plant.
    pub canaries: BTreeMap<String, String>,
    /// What reached the listeners.
    pub heard: Vec<Heard>,
    /// Who of the build was at a watched file.
    pub sightings: Vec<Sighting>,
    /// Where the sandbox keeps records of its own.
    pub records: Vec<PathBuf>,
    /// What was written in the lab.
    pub changes: Vec<Change>,
    /// What still ran when everything should have been over.
    pub survivors: Vec<Survivor>,
    /// The mounts of the lab's first process before the front end started, and after it ended.
    pub mounts: (String, String),
    /// The accounts before and after.
    pub accounts: (BTreeSet<String>, BTreeSet<String>),
    /// The lab's host name before and after.
    pub hostname: (String, String),
    /// The victims.
    pub victims: Vec<VictimSeen>,
    /// The shared memory segments, and whether their content changed.
    pub segments: BTreeMap<String, bool>,
    /// The processes that stood still to be looked at.
    pub postures: Vec<Posture>,
    /// Everything in the output directory, as it lies there.
    pub entries: Vec<Entry>,
    /// Everything in the output directory of the second build.
    pub neighbour: Vec<Entry>,
    /// The names and requirements that hooks returned: hook, texts.
    pub items: Vec<(String, Vec<String>)>,
    /// What arrived on the input of the terminal, and whether its settings changed.
    pub terminal: Option<(Vec<u8>, bool)>,
    /// How the second build's wheel differs from what its source gives.
    pub second_differs: Option<String>,
    /// What the build used.
    pub usage: Usage,
    /// A hook ran longer than the sandbox was told to let it: this long.
    pub outlived: Option<Duration>,
    /// What the hooks returned, as Python writes it.
    pub values: Vec<String>,
    /// What the build printed.
    pub log: Vec<u8>,
    /// It printed more than was kept.
    pub log_cut_off: bool,
    /// What became of the second, honest build, if there was one: why it failed.
    pub second: Option<Result<(), String>>,
}

/// Something in the output directory, looked at without following it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, with those of the directories around it.
    pub name: String,
    /// What it is.
    pub kind: FileType,
    /// Its permission bits.
    pub mode: u32,
    /// Whether it has a second name.
    pub linked: bool,
    /// Its content, where it is a regular file.
    pub content: Vec<u8>,
}

/// What a build used of the lab, as the kernel counts it outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of memory at the peak; `None` where nobody counts.
    pub memory: Option<u64>,
    /// Processes and threads at the peak.
    pub processes: Option<u64>,
    /// Bytes in files that came.
    pub disk: u64,
    /// Files and directories that came.
    pub files: u64,
    /// The longest hook.
    pub longest: Duration,
    /// Bytes that were printed.
    pub log: u64,
}

/// A process that outlived the build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// As the kernel shows it.
    pub process: Process,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// A victim after the trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VictimSeen {
    /// The plant.
    pub plant: String,
    /// It ended; by this signal, if it was one.
    pub ended: Option<Option<i32>>,
    /// It is stopped.
    pub stopped: bool,
    /// Somebody traces it.
    pub traced: bool,
    /// The text on its heap is another one.
    pub changed: bool,
    /// How the kernel treated it before the build, and after it.
    pub standing: (SchedulingState, SchedulingState),
}

/// A process of the build that stood still, looked at from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    /// Its effective uid, as the host sees it.
    pub uid: u32,
    /// Its effective capabilities.
    pub capabilities: u64,
    /// It is in another user namespace than the hook that started it.
    pub nested: bool,
    /// The largest core dump that it may leave, in bytes.
    pub core: u64,
    /// Its group and its further groups, as the host sees them.
    pub groups: Vec<u32>,
    /// What it executes may have more rights than it has.
    pub new_privileges: bool,
    /// What its descriptors are of, as the kernel names it: `anon_inode:[io_uring]`, `PACKET`.
    pub descriptors: Vec<String>,
}

impl Entry {
    /// A regular file as any other.
    #[must_use]
    pub fn file(name: &str, content: &[u8]) -> Self {
        let kind = FileType::RegularFile;
        Self { name: name.to_owned(), kind, mode: 0o644, linked: false, content: content.to_vec() }
    }
}

impl Evidence {
    /// Evidence of nothing at all.
    #[must_use]
    pub fn none(interpreter: Interpreter) -> Self {
        Self {
            makes_accounts: false,
            interpreter,
            caller: (0, 0),
            killed: false,
            nonce: String::new(),
            canaries: BTreeMap::new(),
            heard: Vec::new(),
            sightings: Vec::new(),
            records: Vec::new(),
            changes: Vec::new(),
            survivors: Vec::new(),
            mounts: (String::new(), String::new()),
            accounts: (BTreeSet::new(), BTreeSet::new()),
            hostname: (String::new(), String::new()),
            victims: Vec::new(),
            segments: BTreeMap::new(),
            postures: Vec::new(),
            entries: Vec::new(),
            neighbour: Vec::new(),
            items: Vec::new(),
            terminal: None,
            second_differs: None,
            usage: Usage::default(),
            outlived: None,
            values: Vec::new(),
            log: Vec::new(),
            log_cut_off: false,
            second: None,
        }
    }

    /// Whether a path is the sandbox's own affair.
    #[must_use]
    pub fn is_record(&self, path: &Path) -> bool {
        self.records.iter().any(|place| path.starts_with(place))
    }

    /// A sentence without live canaries, whatever a build has put into a name.
    #[must_use]
    pub fn redacted(&self, sentence: &str) -> String {
        let mut text = sentence.to_owned();
        for (plant, canary) in &self.canaries {
            for needle in encodings(canary) {
                if let Ok(needle) = std::str::from_utf8(&needle) {
                    text = text.replace(needle, &format!("<{plant}>"));
                }
            }
        }
        text.replace(&self.nonce_or_never(), "<nonce>")
    }

    /// The nonce; a text that never occurs, where there is none.
    fn nonce_or_never(&self) -> String {
        if self.nonce.is_empty() { "\0".to_owned() } else { self.nonce.clone() }
    }
}
