//! Self-tests: every oracle of the manifest is asked, on the living lab, whether it notices what it is there for.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::build_trace::BuildTrace;
use super::prepared::PreparedTrial;
use crate::catalogue::attack::{OracleKind, OracleSpec, Resource};
use crate::lab::file_watch::is_kernels;
use crate::lab::layout::fill;
use crate::lab::profile::Profile;
use crate::oracle::{
    SelfTest, artefacts, files, neighbours, network, privileges, processes, remnants, resources,
    secrets,
};

impl PreparedTrial<'_> {
    /// Asks every oracle of the manifest whether it notices what it is there for. Those that need a process known to
    /// live are asked again once the front end runs.
    pub(super) fn self_tests(&self) -> Vec<SelfTest> {
        let mut watch_of_files = None;
        let mut answers = Vec::new();
        for spec in &self.trial.attack.oracles {
            let failure = match &spec.kind {
                OracleKind::CanaryReceived { plant } => {
                    secrets::self_test(self.secrets.canary(plant)).or_else(|| self.knock_at_all())
                }
                OracleKind::CanaryInArtefact { plant } => {
                    artefacts::self_test(self.secrets.canary(plant))
                }
                OracleKind::SocketReached { plant } => self.probe_listener(plant),
                OracleKind::FileCreated { .. }
                | OracleKind::FileChanged { .. }
                | OracleKind::FileExposed { .. } => watch_of_files
                    .get_or_insert_with(|| files::self_test(&self.root, &self.secrets.nonce))
                    .clone(),
                OracleKind::UserLeaked => self
                    .accounts()
                    .is_empty()
                    .then(|| "the accounts of the lab cannot be read".to_owned()),
                OracleKind::MountLeft => self
                    .lab
                    .processes
                    .mounts(1)
                    .map_or(true, |table| !table.contains(crate::lab::layout::MARKER))
                    .then(|| "the list of mounts misses one that is there".to_owned()),
                OracleKind::VictimSignalled { plant }
                | OracleKind::VictimChanged { plant }
                | OracleKind::VictimDisturbed { plant } => self.probe_victim(plant),
                OracleKind::HostnameChanged => match self.lab.processes.hostname(1) {
                    Ok(name) if name == self.hostname => None,
                    Ok(_) => Some("the host has another name than it was given".to_owned()),
                    Err(error) => Some(format!("the host's name cannot be asked for: {error}")),
                },
                OracleKind::PrivilegeGained { .. } => {
                    let root = Profile::of(&self.trial.host).root();
                    privileges::self_test(&self.lab.processes, 1, root)
                }
                OracleKind::TerminalInput | OracleKind::TerminalChanged => {
                    match &self.lab.terminal {
                        Some(terminal) => terminal.self_test(),
                        None => Some("the front end has no terminal".to_owned()),
                    }
                }
                OracleKind::SecondBuildChanged => neighbours::self_test(),
                OracleKind::ArtefactHostile { what } => artefacts::hostile::self_test(*what),
                OracleKind::RequirementReturned { what } => {
                    artefacts::requirements::self_test(*what)
                }
                OracleKind::LogCommand { what } => artefacts::commands::self_test(*what),
                OracleKind::LimitExceeded { what, .. } => {
                    resources::self_test(*what, &self.lab.groups)
                }
                OracleKind::HookOutlivedDeadline => None,
                OracleKind::FileOpened { path } => self.probe_watch(path, false),
                OracleKind::FileWritable { path } => self.probe_watch(path, true),
                OracleKind::ProcessSurvives => remnants::self_test(&self.lab.processes, 1),
            };
            answers.push(SelfTest { oracle: spec.id.clone(), failure });
        }
        answers
    }

    /// Opens a file that is watched.
    fn probe_watch(&self, path: &str, writing: bool) -> Option<String> {
        let path = PathBuf::from(fill(path, &self.interpreter, ""));
        let Some(file_watch) = &self.file_watch else {
            return Some("nothing is watched".to_owned());
        };
        file_watch.self_test(&self.root, &path, writing)
    }

    /// Knocks at one listener.
    fn probe_listener(&self, id: &str) -> Option<String> {
        let Some(plant) = self.trial.attack.plants.iter().find(|plant| plant.id == id) else {
            return Some(format!("there is no plant {id}"));
        };
        let facts = self.planted.facts.get(id).cloned().unwrap_or_default();
        let patience = self.pace.stretched(network::PATIENCE);
        network::self_test(id, &plant.kind, &facts, &self.root, self.listeners.hearing(), patience)
    }

    /// Knocks at every listener; one must be there, or nothing can be received.
    fn knock_at_all(&self) -> Option<String> {
        let listeners: Vec<_> =
            self.trial.attack.plants.iter().filter(|plant| plant.kind.is_listener()).collect();
        if listeners.is_empty() {
            return Some("the manifest has no listener at which a canary could arrive".to_owned());
        }
        listeners.iter().find_map(|plant| self.probe_listener(&plant.id))
    }

    /// Feels the pulse of a victim, or looks into a segment.
    fn probe_victim(&self, plant: &str) -> Option<String> {
        if let Some(segment) = self.planted.segments.get(plant) {
            let holds = segment.read().starts_with(self.secrets.canary(plant).as_bytes());
            return (!holds).then(|| format!("the segment {plant} holds something else"));
        }
        let Some(living) = self.lab.victims.iter().find(|victim| victim.plant == plant) else {
            return Some(format!("there is no victim {plant}"));
        };
        processes::self_test(&self.lab.processes, living, &self.word(plant))
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
            OracleKind::FileOpened { path } | OracleKind::FileWritable { path }
                if is_kernels(Path::new(path)) =>
            {
                let announced = trace.watched.iter().any(|watched| watched == Path::new(path));
                let never = || "no process announced itself at the file".to_owned();
                trace.unwatched.clone().or_else(|| (!announced).then(never))
            }
            OracleKind::FileCreated { .. }
            | OracleKind::FileChanged { .. }
            | OracleKind::FileExposed { .. }
                if unseen.files =>
            {
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
