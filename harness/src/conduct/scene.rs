//! The scenes of a trial, in order: set up, rehearse the oracles, build, look, tear down, judge.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use rustix::fs::{AtFlags, FileType, statat};
use serde_json::json;

use super::account::Account;
use super::bench::Bench;
use super::broken;
use super::watch::Watch;
use crate::catalogue::attack::{OracleKind, OracleSpec, PlantKind};
use crate::frontend;
use crate::lab::ears::Ears;
use crate::lab::layout::{OUTPUT, SECOND_OUTPUT, SOURCE};
use crate::lab::plants::{Cast, Planted, plant};
use crate::lab::root::{Root, read_regular};
use crate::lab::snapshot::Snapshot;
use crate::lab::wire::Spec;
use crate::lab::{Lab, LabError, at_step, seclude, staging};
use crate::oracle::{
    Evidence, Observation, SelfTest, VictimSeen, artefacts, files, findings, network, privileges,
    processes, remnants, secrets,
};
use crate::schedule::Trial;
use crate::target;

/// No artefact is read beyond this.
const ARTEFACT: usize = 64 << 20;
/// No more artefacts than this are read.
const ARTEFACTS: usize = 64;
/// `/etc/passwd` is not read beyond this.
const PASSWD: usize = 4 << 20;

/// Conducts the trial on the calling thread, which gives up its namespaces for it.
pub(super) fn perform(trial: &Trial, bench: &Bench, slot: usize) -> Observation {
    let cast = match Cast::of(&trial.attack) {
        Ok(cast) => cast,
        Err(error) => return broken(error.to_string()),
    };
    let mut observation = Scene::set(trial, bench, slot, &cast)
        .and_then(Scene::play)
        .unwrap_or_else(|error| broken(error.to_string()));
    observation.canaries = cast.canaries.values().cloned().collect();
    observation.contaminated = bench.baseline.difference();
    observation
}

/// A lab, ready for the front end.
struct Scene<'a> {
    trial: &'a Trial,
    bench: &'a Bench,
    cast: &'a Cast,
    root: Root,
    planted: Planted,
    ears: Ears,
    lab: Lab,
}

impl<'a> Scene<'a> {
    /// Sets up the lab.
    fn set(
        trial: &'a Trial,
        bench: &'a Bench,
        slot: usize,
        cast: &'a Cast,
    ) -> Result<Self, LabError> {
        let attack = &trial.attack;
        let interpreter = &bench.staged.interpreter;
        let root = at_step("its file tree", Root::make(bench.staged.prefix.as_deref()))?;
        seclude()?;
        let short: String = cast.nonce.chars().take(4).collect();
        let mut hostname = format!("buildhost-{short}");
        let mut planted = plant(attack, cast, &root, interpreter)?;
        if let Some(name) = planted.hostname.take() {
            hostname = name;
        }
        at_step("its files", staging::furnish(&root, &hostname))?;
        at_step("the source tree", staging::source(&root, &attack.dir))?;
        if attack.run.second.is_some() {
            at_step("the second build", staging::second(&root, &cast.nonce))?;
        }
        if let Some((path, content)) = &bench.staged.moved {
            at_step("the interpreter", root.write(path, 0o755, content))?;
        }
        let prefix = target::prefix(trial, slot);
        let mut files = frontend::files(&bench.frontend, attack, &prefix, interpreter, &planted);
        files.extend(target::files(trial));
        at_step("the front end", staging::frontend(&root, &files))?;
        let ears = at_step("the listeners", Ears::open(std::mem::take(&mut planted.ears)))?;
        let spec = Spec {
            mounts: Vec::new(),
            shown: bench.shown.clone(),
            hostname,
            victims: planted.victims.clone(),
            keys: planted.keys.clone(),
            frontend: frontend::command(interpreter, &planted),
        };
        let lab = Lab::open(&bench.program, &root, spec)?;
        for victim in &lab.victims {
            tell(&mut planted, &victim.plant, "pid", json!(victim.pid));
        }
        for (plant, serial) in &lab.keys {
            tell(&mut planted, plant, "serial", json!(serial));
        }
        let facts = staging::facts(&root, Path::new(SOURCE), &cast.nonce, &planted.facts);
        at_step("the trial's facts", facts)?;
        Ok(Self { trial, bench, cast, root, planted, ears, lab })
    }

    /// Lets the front end build, and judges what is left.
    fn play(self) -> Result<Observation, LabError> {
        let mut self_tests = self.self_tests();
        let mounts = |lab: &Lab| lab.processes.mounts(1).unwrap_or_default();
        let mounts_before = mounts(&self.lab);
        let accounts_before = self.accounts();
        let before = at_step("the list of its files", Snapshot::take(&self.root))?;
        let begin = Instant::now();
        let watch = Watch::of(&self.lab, self.trial, &self.cast.nonce);
        let mut account = watch.follow();
        account.run.elapsed = begin.elapsed();
        let victims = self.victims(&account);
        let segments = self.segments();
        let mounts_after = mounts(&self.lab);
        let Self { trial, bench, cast, root, planted: _, ears, lab } = self;
        at_step("its end", lab.close())?;
        let after = at_step("the list of its files", Snapshot::take(&root))?;
        let cut_off = before.cut_off || after.cut_off;
        complete(&mut self_tests, &trial.attack.oracles, &account, cut_off);
        let accounts_after = accounts(&root);
        let second =
            trial.attack.run.second.map(|_| account.second_build(exists(&root, SECOND_OUTPUT)));
        account.conclude(trial, exists(&root, OUTPUT));
        let evidence = Evidence {
            level: trial.level,
            interpreter: bench.staged.interpreter.clone(),
            nonce: cast.nonce.clone(),
            canaries: cast.canaries.clone(),
            heard: ears.close(),
            changes: before.changes(&after, &root),
            survivors: account.survivors,
            mounts: (mounts_before, mounts_after),
            accounts: (accounts_before, accounts_after),
            victims,
            segments,
            postures: account.postures,
            artefacts: outputs(&root),
            values: account.values,
            log: account.run.log.clone(),
            log_cut_off: account.log_cut_off,
            second,
        };
        Ok(Observation {
            findings: findings(&trial.attack.oracles, &evidence),
            run: account.run,
            self_tests,
            ..Observation::default()
        })
    }

    /// Asks every oracle of the manifest whether it is awake. Those that need a process known to
    /// live are asked again once the front end runs.
    fn self_tests(&self) -> Vec<SelfTest> {
        let mut watch_of_files = None;
        let mut answers = Vec::new();
        for spec in &self.trial.attack.oracles {
            let failure = match &spec.kind {
                OracleKind::CanaryReceived { plant } => {
                    secrets::self_test(self.cast.canary(plant)).or_else(|| self.knock_at_all())
                }
                OracleKind::CanaryInArtefact { plant } => {
                    artefacts::self_test(self.cast.canary(plant))
                }
                OracleKind::SocketReached { plant } => self.knock(plant),
                OracleKind::FileCreated { .. } | OracleKind::FileChanged { .. } => watch_of_files
                    .get_or_insert_with(|| files::self_test(&self.root, &self.cast.nonce))
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
                OracleKind::VictimSignalled { plant } | OracleKind::VictimChanged { plant } => {
                    self.feel(plant)
                }
                OracleKind::PrivilegeGained { .. } => privileges::self_test(&self.lab.processes, 1),
                OracleKind::ProcessSurvives => remnants::self_test(&self.lab.processes, 1),
            };
            answers.push(SelfTest { oracle: spec.id.clone(), failure });
        }
        answers
    }

    /// Knocks at one listener.
    fn knock(&self, id: &str) -> Option<String> {
        let Some(plant) = self.trial.attack.plants.iter().find(|plant| plant.id == id) else {
            return Some(format!("there is no plant {id}"));
        };
        let facts = self.planted.facts.get(id).cloned().unwrap_or_default();
        network::self_test(id, &plant.kind, &facts, &self.root, self.ears.hearing())
    }

    /// Knocks at every listener; one must be there, or nothing can be received.
    fn knock_at_all(&self) -> Option<String> {
        let listeners: Vec<_> =
            self.trial.attack.plants.iter().filter(|plant| listens(&plant.kind)).collect();
        if listeners.is_empty() {
            return Some("the manifest has no listener at which a canary could arrive".to_owned());
        }
        listeners.iter().find_map(|plant| self.knock(&plant.id))
    }

    /// Feels the pulse of a victim, or looks into a segment.
    fn feel(&self, plant: &str) -> Option<String> {
        if let Some(segment) = self.planted.segments.get(plant) {
            let holds = segment.read().starts_with(self.cast.canary(plant).as_bytes());
            return (!holds).then(|| format!("the segment {plant} holds something else"));
        }
        let Some(living) = self.lab.victims.iter().find(|victim| victim.plant == plant) else {
            return Some(format!("there is no victim {plant}"));
        };
        processes::self_test(&self.lab.processes, living, &self.word(plant))
    }

    /// The text on the heap of a victim.
    fn word(&self, plant: &str) -> String {
        let victim = self.planted.victims.iter().find(|victim| victim.plant == plant);
        victim.map(|victim| victim.memory.clone()).unwrap_or_default()
    }

    fn victims(&self, account: &Account) -> Vec<VictimSeen> {
        self.lab
            .victims
            .iter()
            .map(|living| {
                let ended = account.victims_ended.get(&living.plant).copied();
                let word = self.word(&living.plant);
                processes::examine(&self.lab.processes, living, &word, ended)
            })
            .collect()
    }

    fn segments(&self) -> BTreeMap<String, bool> {
        let segments = self.planted.segments.iter();
        segments
            .map(|(plant, segment)| {
                let mut expected = self.cast.canary(plant).as_bytes().to_vec();
                expected.resize(segment.size(), 0);
                (plant.clone(), segment.read() != expected)
            })
            .collect()
    }

    fn accounts(&self) -> std::collections::BTreeSet<String> {
        accounts(&self.root)
    }
}

/// Adds to what the build is told of a plant.
fn tell(planted: &mut Planted, plant: &str, key: &str, value: serde_json::Value) {
    if let Some(fact) = planted.facts.get_mut(plant).and_then(|fact| fact.as_object_mut()) {
        fact.insert(key.to_owned(), value);
    }
}

/// What only the trial itself could show: whether each oracle could look at all. One that could not
/// has seen nothing, and that is no evidence of anything.
fn complete(self_tests: &mut [SelfTest], specs: &[OracleSpec], account: &Account, cut_off: bool) {
    for (test, spec) in self_tests.iter_mut().zip(specs) {
        let blind = match &spec.kind {
            OracleKind::PrivilegeGained { .. } => account.missed.clone(),
            OracleKind::FileCreated { .. } | OracleKind::FileChanged { .. } if cut_off => {
                Some("there were too many files to look at all of them".to_owned())
            }
            _ => None,
        };
        test.failure = test.failure.take().or(blind).or_else(|| account.blind.clone());
    }
}

/// Whether a plant is something that hears.
const fn listens(kind: &PlantKind) -> bool {
    matches!(
        kind,
        PlantKind::TcpListener
            | PlantKind::UdpListener
            | PlantKind::DnsResolver
            | PlantKind::MetadataService
            | PlantKind::UnixListener { .. }
            | PlantKind::AbstractListener
    )
}

fn accounts(root: &Root) -> std::collections::BTreeSet<String> {
    remnants::names(&root.read(Path::new("/etc/passwd"), PASSWD).unwrap_or_default())
}

/// Tells what lies below a directory under a name that a hook returned.
fn exists(root: &Root, dir: &'static str) -> impl Fn(&str) -> Option<FileType> {
    move |name: &str| {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return None;
        }
        let dir = root.directory(Path::new(dir)).ok()?;
        let status = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(status.st_mode))
    }
}

/// The regular files of the output directory, and of the directories in it.
fn outputs(root: &Root) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut places = vec![(OUTPUT.to_owned(), String::new())];
    while let Some((place, prefix)) = places.pop() {
        let Ok(dir) = root.directory(Path::new(&place)) else { continue };
        let Ok(entries) = rustix::fs::Dir::read_from(&dir) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." || found.len() >= ARTEFACTS {
                continue;
            }
            let Ok(status) = statat(&dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let shown = format!("{prefix}{name}");
            match FileType::from_raw_mode(status.st_mode) {
                FileType::Directory if prefix.matches('/').count() < 4 => {
                    places.push((format!("{place}/{name}"), format!("{shown}/")));
                }
                FileType::RegularFile => {
                    let content = read_regular(&dir, Path::new(&name), ARTEFACT);
                    found.push((shown, content.unwrap_or_default()));
                }
                // A link, a FIFO, a device: its name is all that counts.
                _ => found.push((shown, Vec::new())),
            }
        }
    }
    found.sort();
    found
}
