//! Self-tests: what each oracle of the manifest is asked on the living lab, before the trial and once more
//! after it. Which one is asked what, [`oracle::self_test`] says.
#![forbid(unsafe_code)]

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::build_trace::BuildTrace;
use super::prepared::PreparedTrial;
use crate::catalogue::attack::{OracleKind, OracleSpec, Resource};
use crate::lab::file_watch::is_kernels;
use crate::lab::groups::Groups;
use crate::lab::layout::{MARKER, fill};
use crate::lab::processes::Processes;
use crate::lab::profile::Profile;
use crate::oracle::{self, LivingLab, SelfTest, files, network, processes};

impl PreparedTrial<'_> {
    /// Asks every oracle of the manifest whether it notices what it is there for. Those that need a process known to
    /// live are asked again once the front end runs.
    pub(super) fn self_tests(&self) -> Vec<SelfTest> {
        let lab = Probes { trial: self, files: OnceCell::new() };
        let specs = self.trial.attack.oracles.iter();
        let asked = specs.map(|spec| SelfTest {
            oracle: spec.id.clone(),
            failure: oracle::self_test(&spec.kind, &lab),
        });
        asked.collect()
    }

    /// Knocks at one listener.
    fn knock_at(&self, id: &str) -> Option<String> {
        let Some(plant) = self.trial.attack.plants.iter().find(|plant| plant.id == id) else {
            return Some(format!("there is no plant {id}"));
        };
        let facts = self.planted.facts.get(id).cloned().unwrap_or_default();
        let patience = self.pace.stretched(network::PATIENCE);
        network::self_test(id, &plant.kind, &facts, &self.root, self.listeners.hearing(), patience)
    }
}

/// What the self-tests ask of a trial.
struct Probes<'a> {
    trial: &'a PreparedTrial<'a>,
    /// What the test of the lists of files found, which is made once.
    files: OnceCell<Option<String>>,
}

impl LivingLab for Probes<'_> {
    fn canary(&self, plant: &str) -> &str {
        self.trial.secrets.canary(plant)
    }

    fn processes(&self) -> &Processes {
        &self.trial.lab.processes
    }

    fn groups(&self) -> &Groups {
        &self.trial.lab.groups
    }

    fn root_uid(&self) -> u32 {
        Profile::of(&self.trial.trial.host).root()
    }

    fn probe_listener(&self, plant: &str) -> Option<String> {
        self.trial.knock_at(plant)
    }

    fn probe_listeners(&self) -> Option<String> {
        let plants = self.trial.trial.attack.plants.iter();
        let listeners: Vec<_> = plants.filter(|plant| plant.kind.is_listener()).collect();
        if listeners.is_empty() {
            return Some("the manifest has no listener at which a canary could arrive".to_owned());
        }
        listeners.iter().find_map(|plant| self.probe_listener(&plant.id))
    }

    /// Feels the pulse of a victim, or looks into a segment.
    fn probe_victim(&self, plant: &str) -> Option<String> {
        let trial = self.trial;
        if let Some(segment) = trial.planted.segments.get(plant) {
            let holds = segment.read().starts_with(trial.secrets.canary(plant).as_bytes());
            return (!holds).then(|| format!("the segment {plant} holds something else"));
        }
        let Some(living) = trial.lab.victims.iter().find(|victim| victim.plant == plant) else {
            return Some(format!("there is no victim {plant}"));
        };
        processes::self_test(&trial.lab.processes, living, &trial.word(plant))
    }

    fn probe_files(&self) -> Option<String> {
        let test = || files::self_test(&self.trial.root, &self.trial.secrets.nonce);
        self.files.get_or_init(test).clone()
    }

    /// Opens a file that is watched.
    fn probe_watch(&self, path: &str, writing: bool) -> Option<String> {
        let path = PathBuf::from(fill(path, &self.trial.interpreter, ""));
        let Some(file_watch) = &self.trial.file_watch else {
            return Some("nothing is watched".to_owned());
        };
        file_watch.self_test(&self.trial.root, &path, writing)
    }

    fn probe_accounts(&self) -> Option<String> {
        let none = self.trial.accounts().is_empty();
        none.then(|| "the accounts of the lab cannot be read".to_owned())
    }

    fn probe_mounts(&self) -> Option<String> {
        let mounts = self.trial.lab.processes.mounts(1);
        let missed = mounts.map_or(true, |table| !table.contains(MARKER));
        missed.then(|| "the list of mounts misses one that is there".to_owned())
    }

    fn probe_hostname(&self) -> Option<String> {
        match self.trial.lab.processes.hostname(1) {
            Ok(name) if name == self.trial.hostname => None,
            Ok(_) => Some("the host has another name than it was given".to_owned()),
            Err(error) => Some(format!("the host's name cannot be asked for: {error}")),
        }
    }

    fn probe_terminal(&self) -> Option<String> {
        match &self.trial.lab.terminal {
            Some(terminal) => terminal.self_test(),
            None => Some("the front end has no terminal".to_owned()),
        }
    }
}

/// What there was too much of to look at all of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unseen {
    /// Files that were written.
    pub(super) files: bool,
    /// What lies in the output directory.
    pub(super) outputs: bool,
}

/// What only the trial itself could show: whether each oracle could look at all. One that could not
/// has seen nothing, and that is no evidence of anything.
pub(super) fn complete(
    self_tests: &mut [SelfTest],
    specs: &[OracleSpec],
    trace: &BuildTrace,
    unseen: Unseen,
) {
    for (test, spec) in self_tests.iter_mut().zip(specs) {
        let blind = match &spec.kind {
            OracleKind::PrivilegeGained { .. }
            | OracleKind::LimitExceeded { what: Resource::Core, .. } => trace.missed.clone(),
            kind if kind.watched_path().is_some_and(|path| is_kernels(Path::new(path))) => {
                let path = kind.watched_path().map(Path::new);
                let announced = trace.watched.iter().any(|watched| Some(watched.as_path()) == path);
                let never = || "no process announced itself at the file".to_owned();
                trace.unwatched.clone().or_else(|| (!announced).then(never))
            }
            kind if unseen.files && kind.listed_path().is_some() => {
                Some("there were too many files to look at all of them".to_owned())
            }
            OracleKind::CanaryInArtefact { .. } | OracleKind::ArtefactHostile { .. }
                if unseen.outputs =>
            {
                Some("there is more in the outputs than is looked at".to_owned())
            }
            _ => None,
        };
        test.failure = test.failure.take().or(blind).or_else(|| trace.blind.clone());
    }
}
