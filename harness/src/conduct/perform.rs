//! The phases of a trial, in order: set up, test the oracles, build, look, tear down, judge.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::broken;
use super::build_trace::BuildTrace;
use super::context::RunContext;
use super::observer::{DynObserver, LabHandle, TrialEvent};
use super::outputs::{exists, outputs};
use super::prepared::{PreparedTrial, accounts};
use super::self_test::{Unseen, complete};
use super::watch::Watch;
use crate::catalogue::attack::Interrupt;
use crate::lab::file_watch::FileWatch;
use crate::lab::groups::Groups;
use crate::lab::layout::{OUTPUT, SECOND_OUTPUT};
use crate::lab::plants::TrialSecrets;
use crate::lab::processes::SchedulingState;
use crate::lab::profile::Profile;
use crate::lab::snapshot::Snapshot;
use crate::lab::{Lab, LabError, at_step};
use crate::oracle::{Evidence, Observation, Usage, VictimSeen, findings, neighbours, processes};
use crate::schedule::{Sandbox, Trial};
use crate::target::spent::{Phase, Stopwatch};

/// How late a hook may end beyond its time: a sandbox may ask before it kills, and the machine may
/// be busy.
const LATE: Duration = Duration::from_secs(3);

/// Conducts the trial on the calling thread, which gives up its namespaces for it.
pub(super) fn perform(
    trial: &Trial,
    context: &RunContext,
    slot: usize,
    observer: &mut DynObserver<'_>,
) -> Observation {
    let secrets = match TrialSecrets::of(&trial.attack, Profile::of(&trial.host)) {
        Ok(secrets) => secrets,
        Err(error) => return broken(error.to_string()),
    };
    let mut stopwatch = Stopwatch::start();
    let mut observation = match PreparedTrial::prepare(trial, context, slot, &secrets, observer)
        .and_then(|prepared| prepared.run(observer, &mut stopwatch))
    {
        Ok(observation) => observation,
        Err(LabError::Alive(left)) => {
            Observation { contaminated: Some(left.clone()), ..broken(left) }
        }
        Err(error) => broken(error.to_string()),
    };
    observation.canaries = secrets.canaries.values().cloned().collect();
    let left = observation
        .contaminated
        .take()
        .into_iter()
        .chain(context.baseline.difference(&context.host));
    let left = left.collect::<Vec<_>>().join("; ");
    observation.contaminated = (!left.is_empty()).then_some(left);
    stopwatch.lap(Phase::Judging);
    observation.run.spent = stopwatch.spent();
    observation
}

/// What there is before the front end starts.
struct Before {
    mounts: String,
    accounts: BTreeSet<String>,
    space: (u64, u64),
    standings: BTreeMap<String, SchedulingState>,
    files: Snapshot,
}

impl PreparedTrial<'_> {
    /// Lets the front end build, and judges what is left.
    fn run(
        self,
        observer: &mut DynObserver<'_>,
        stopwatch: &mut Stopwatch,
    ) -> Result<Observation, LabError> {
        stopwatch.lap(Phase::Lab);
        let mut self_tests = self.self_tests();
        stopwatch.lap(Phase::SelfTests);
        observer.sees(TrialEvent::SelfTested(&self_tests));
        observer.sees(TrialEvent::Before(self.handle()));
        let before = self.look()?;
        stopwatch.lap(Phase::ListBefore);
        let begin = Instant::now();
        let (file_watch, nonce) = (self.file_watch.as_ref(), &self.secrets.nonce);
        let mut trace =
            Watch::of(self.handle(), file_watch, self.trial, self.pace, nonce, observer).follow();
        trace.run.elapsed = begin.elapsed();
        stopwatch.lap_of(&trace.stopwatch.spent());
        let mut evidence = self.living(&trace, &before);
        observer.sees(TrialEvent::After(self.handle()));
        let Self { trial, context, pace, root, listeners, file_watch, lab, .. } = self;
        // Times are held against those of the manifest, which are an ordinary machine's.
        trace.longest = pace.shrunk(trace.longest);
        evidence.mounts = (before.mounts, mounts(&lab));
        // The groups count until the last process is dead.
        let groups = lab.close()?;
        stopwatch.lap(Phase::Closing);
        evidence.sightings = file_watch.map(FileWatch::stop).unwrap_or_default();
        evidence.sightings.retain(|it| !it.inner.is_some_and(|pid| trace.is_ours(pid)));
        let after = at_step("the list of its files", Snapshot::take(&root))?;
        let cut_off = before.files.cut_off || after.cut_off;
        let (entries, unread) = outputs(&root, OUTPUT);
        let unseen = Unseen { files: cut_off, outputs: unread };
        complete(&mut self_tests, &trial.attack.oracles, &trace, unseen);
        trace.conclude(trial, exists(&root, OUTPUT));
        evidence.usage = usage(&groups, &trace, before.space, root.space());
        let left = groups.left();
        evidence.outlived = trial
            .attack
            .run
            .limits
            .timeout
            .map(|limit| (limit.0, trace.longest))
            .and_then(|(limit, ran)| (ran > limit + LATE).then_some(ran));
        evidence.heard = listeners.close();
        evidence.changes = before.files.changes(&after, &root);
        let log = &trace.run.log;
        observer.sees(TrialEvent::Over { root: &root, changes: &evidence.changes, log });
        evidence.accounts = (before.accounts, accounts(&root));
        evidence.entries = entries;
        // A sandbox that refuses this host has harmed nobody.
        if trial.attack.run.second.is_some() && trace.run.refused.is_none() {
            evidence.second = Some(trace.second_build(exists(&root, SECOND_OUTPUT)));
            let (wheel, _) = outputs(&root, SECOND_OUTPUT);
            evidence.second_differs = neighbours::difference(&wheel, &context.honest);
            evidence.neighbour = wheel;
        }
        evidence.survivors = trace.survivors;
        evidence.postures = trace.postures;
        evidence.values = trace.values;
        evidence.items = trace.items;
        evidence.log.clone_from(&trace.run.log);
        evidence.log_cut_off = trace.log_cut_off;
        Ok(Observation {
            findings: findings(&trial.attack.oracles, &evidence),
            run: trace.run,
            self_tests,
            contaminated: groups_left(&left),
            ..Observation::default()
        })
    }

    /// The living lab, for whoever wants to enter it.
    fn handle(&self) -> LabHandle<'_> {
        LabHandle { lab: &self.lab, front: &self.front, hook: None }
    }

    /// What there is before the front end starts.
    fn look(&self) -> Result<Before, LabError> {
        Ok(Before {
            mounts: mounts(&self.lab),
            accounts: self.accounts(),
            space: self.root.space(),
            standings: self.standings(),
            files: at_step("the list of its files", Snapshot::take(&self.root))?,
        })
    }

    /// What can be seen only while the lab lives.
    fn living(&self, trace: &BuildTrace, before: &Before) -> Evidence {
        let mut evidence = Evidence::none(self.interpreter.clone());
        evidence.makes_accounts = self.trial.makes_accounts();
        let profile = Profile::of(&self.trial.host);
        evidence.caller = (profile.caller(), profile.group());
        if let Sandbox::Command(recipe) = &self.trial.sandbox {
            evidence.records.clone_from(&recipe.keeps);
        }
        let kill = Interrupt::is_supervisors_death;
        evidence.killed =
            trace.interrupted && self.trial.attack.run.interrupt.as_ref().is_some_and(kill);
        evidence.nonce.clone_from(&self.secrets.nonce);
        evidence.canaries.clone_from(&self.secrets.canaries);
        evidence.victims = self.victims(trace, before);
        // One that cannot be asked for was found deaf by its self-test, where it matters.
        let name = self.lab.processes.hostname(1).unwrap_or_else(|_| self.hostname.clone());
        evidence.hostname = (self.hostname.clone(), name);
        evidence.segments = self.segments();
        evidence.terminal = self.lab.terminal.as_ref().and_then(|terminal| {
            // One that cannot be read was found deaf by its self-test already.
            let changed = terminal.changed().ok()?;
            Some((terminal.read().ok()?, changed))
        });
        evidence
    }

    /// How the kernel treats the victims now.
    fn standings(&self) -> BTreeMap<String, SchedulingState> {
        let standing = |pid| self.lab.processes.standing(pid);
        self.lab.victims.iter().map(|one| (one.plant.clone(), standing(one.pid))).collect()
    }

    fn victims(&self, trace: &BuildTrace, before: &Before) -> Vec<VictimSeen> {
        self.lab
            .victims
            .iter()
            .map(|living| {
                let ended = trace.victims_ended.get(&living.plant).copied();
                let word = self.word(&living.plant);
                let standing = before.standings.get(&living.plant).copied().unwrap_or_default();
                processes::examine(&self.lab.processes, living, &word, standing, ended)
            })
            .collect()
    }

    fn segments(&self) -> BTreeMap<String, bool> {
        let segments = self.planted.segments.iter();
        segments
            .map(|(plant, segment)| {
                let mut expected = self.secrets.canary(plant).as_bytes().to_vec();
                expected.resize(segment.size(), 0);
                (plant.clone(), segment.read() != expected)
            })
            .collect()
    }
}

/// What is said of control groups that could not be removed.
fn groups_left(left: &[PathBuf]) -> Option<String> {
    let sentence = |group: &PathBuf| {
        format!("the control group {} is still in use; rmdir it once it is empty", group.display())
    };
    let told: Vec<_> = left.iter().map(sentence).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// The mounts of the lab's first process.
fn mounts(lab: &Lab) -> String {
    lab.processes.mounts(1).unwrap_or_default()
}

/// What the build used, from what was counted and what is left.
fn usage(groups: &Groups, trace: &BuildTrace, before: (u64, u64), after: (u64, u64)) -> Usage {
    Usage {
        memory: groups.memory(),
        processes: groups.processes(),
        disk: after.0.saturating_sub(before.0),
        files: after.1.saturating_sub(before.1),
        longest: trace.longest,
        log: trace.printed,
    }
}
