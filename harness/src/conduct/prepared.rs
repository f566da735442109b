//! The phases of a trial, in order: set up, test the oracles, build, look, tear down, judge.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::broken;
use super::build_trace::BuildTrace;
use super::context::RunContext;
use super::observer::{DynObserver, LabHandle, TrialEvent};
use super::outputs::{exists, outputs};
use super::self_test::{Unseen, complete};
use super::watch::Watch;
use crate::catalogue::attack::{Interrupt, OracleKind, RunLimits};
use crate::catalogue::spelling::Spelt as _;
use crate::frontend;
use crate::lab::file_watch::FileWatch;
use crate::lab::groups::Groups;
use crate::lab::layout::{Interpreter, OUTPUT, SECOND_OUTPUT, SOURCE, fill};
use crate::lab::listeners::Listeners;
use crate::lab::pace::Pace;
use crate::lab::plants::{Planted, TrialSecrets, has_helpers, plant};
use crate::lab::processes::SchedulingState;
use crate::lab::profile::Profile;
use crate::lab::root::Root;
use crate::lab::snapshot::Snapshot;
use crate::lab::wire::{Command, Spec};
use crate::lab::{Lab, LabError, at_step, network, seclude, staging, users};
use crate::oracle::{
    Evidence, Observation, Usage, VictimSeen, findings, neighbours, processes, remnants,
};
use crate::schedule::{Sandbox, Trial};
use crate::target;

/// How late a hook may end beyond its time: a sandbox may ask before it kills, and the machine may
/// be busy.
const LATE: Duration = Duration::from_secs(3);
/// `/etc/passwd` is not read beyond this.
const PASSWD: usize = 4 << 20;

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
    let mut observation = match PreparedTrial::prepare(trial, context, slot, &secrets, observer)
        .and_then(|prepared| prepared.run(observer))
    {
        Ok(observation) => observation,
        Err(LabError::Alive(left)) => {
            Observation { contaminated: Some(left.clone()), ..broken(left) }
        }
        Err(error) => broken(error.to_string()),
    };
    observation.canaries = secrets.canaries.values().cloned().collect();
    let left = observation.contaminated.take().into_iter().chain(context.baseline.difference());
    let left = left.collect::<Vec<_>>().join("; ");
    observation.contaminated = (!left.is_empty()).then_some(left);
    observation
}

/// A lab, ready for the front end.
pub(super) struct PreparedTrial<'a> {
    pub(super) trial: &'a Trial,
    context: &'a RunContext,
    pub(super) pace: Pace,
    pub(super) interpreter: Interpreter,
    pub(super) secrets: &'a TrialSecrets,
    pub(super) root: Root,
    pub(super) planted: Planted,
    pub(super) listeners: Listeners,
    pub(super) file_watch: Option<FileWatch>,
    pub(super) hostname: String,
    pub(super) lab: Lab,
    front: Command,
}

/// What there is before the front end starts.
struct Before {
    mounts: String,
    accounts: BTreeSet<String>,
    space: (u64, u64),
    standings: BTreeMap<String, SchedulingState>,
    files: Snapshot,
}

impl<'a> PreparedTrial<'a> {
    /// Sets up the lab.
    fn prepare(
        trial: &'a Trial,
        context: &'a RunContext,
        slot: usize,
        secrets: &'a TrialSecrets,
        observer: &mut DynObserver<'_>,
    ) -> Result<Self, LabError> {
        let attack = &trial.attack;
        let profile = Profile::of(&trial.host);
        // The same from beginning to end, whatever becomes of the machine meanwhile.
        let pace = context.pace();
        let interpreter =
            Interpreter { home: profile.home(), ..context.staged.interpreter.clone() };
        let users = context.users(profile);
        let root = file_tree(trial, context, profile)?;
        let mut planted = plant(attack, secrets, &root, &interpreter, profile)?;
        let short: String = secrets.nonce.chars().take(4).collect();
        let hostname = planted.hostname.take().unwrap_or_else(|| format!("buildhost-{short}"));
        at_step("its files", staging::fill(&root, &hostname, &context.program))?;
        at_step("its accounts", staging::accounts(&root, target::own::uids(slot)))?;
        at_step("the source tree", staging::source(&root, &attack.tree))?;
        if attack.run.second.is_some() {
            at_step("the second build", staging::second(&root, &secrets.nonce, profile.home()))?;
        }
        if let Some((path, content)) = &context.staged.moved {
            at_step("the interpreter", root.write(path, 0o755, content))?;
        }
        let prefix = target::prefix(trial, slot, pace);
        observer.sees(TrialEvent::LabMade { prefix: &prefix, plants: &planted.paths });
        let mut files =
            frontend::files(&context.frontend, attack, &prefix, &interpreter, &planted, pace);
        files.extend(target::files(trial));
        at_step("the front end", staging::frontend(&root, &files))?;
        let listeners =
            at_step("the listeners", Listeners::open(std::mem::take(&mut planted.listeners)))?;
        // Its thread must be there before the lab: this one can start none afterwards.
        let file_watch = at_step("the watch over files", file_watch(&root, trial, &interpreter))?;
        let mut front =
            Command { caller: profile.own_name(), ..frontend::command(&interpreter, &planted) };
        // What the manifest plants is found first.
        front.env.splice(
            0..0,
            profile
                .variables()
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let spec = Spec {
            host: trial.host.clone(),
            mounts: Vec::new(),
            shown: Vec::new(),
            lends: attack.run.lends.iter().map(|lent| lent.spelt().to_owned()).collect(),
            hostname: hostname.clone(),
            victims: planted.victims.clone(),
            keys: planted.keys.clone(),
            joins: 0,
            bounded: false,
            groups: shows_groups(&attack.run.limits),
            terminal: attack.run.terminal,
            frontend: front.clone(),
        };
        at_step("the engine's trace", staging::trace(&root, profile))?;
        let owned = staging::hand_over(&root, profile, &interpreter);
        at_step("the caller's files", owned)?;
        let lent_to = if profile.lends_groups() { profile.caller() } else { 0 };
        let groups = Groups::make(&secrets.nonce, lent_to);
        let lab = Lab::open(&root, groups, users, spec)?;
        for victim in &lab.victims {
            tell(&mut planted, &victim.plant, "pid", json!(victim.pid));
        }
        for (plant, serial) in &lab.keys {
            tell(&mut planted, plant, "serial", json!(serial));
        }
        let (source, home) = (Path::new(SOURCE), profile.home());
        let facts = staging::facts(
            &root,
            source,
            &secrets.nonce,
            home,
            &planted.facts,
            &observer.pauses(),
            pace,
        );
        at_step("the trial's facts", facts)?;
        Ok(Self {
            trial,
            context,
            pace,
            interpreter,
            secrets,
            root,
            planted,
            listeners,
            file_watch,
            hostname,
            lab,
            front,
        })
    }

    /// Lets the front end build, and judges what is left.
    fn run(self, observer: &mut DynObserver<'_>) -> Result<Observation, LabError> {
        let mut self_tests = self.self_tests();
        observer.sees(TrialEvent::SelfTested(&self_tests));
        observer.sees(TrialEvent::Before(self.handle()));
        let before = self.look()?;
        let begin = Instant::now();
        let (file_watch, nonce) = (self.file_watch.as_ref(), &self.secrets.nonce);
        let mut trace =
            Watch::of(self.handle(), file_watch, self.trial, self.pace, nonce, observer).follow();
        trace.run.elapsed = begin.elapsed();
        let mut evidence = self.living(&trace, &before);
        observer.sees(TrialEvent::After(self.handle()));
        let Self { trial, context, pace, root, listeners, file_watch, lab, .. } = self;
        // Times are held against those of the manifest, which are an ordinary machine's.
        trace.longest = pace.shrunk(trace.longest);
        evidence.mounts = (before.mounts, mounts(&lab));
        // The groups count until the last process is dead.
        let groups = lab.close()?;
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

    /// The text on the heap of a victim.
    pub(super) fn word(&self, plant: &str) -> String {
        let victim = self.planted.victims.iter().find(|victim| victim.plant == plant);
        victim.map(|victim| victim.memory.clone()).unwrap_or_default()
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

    pub(super) fn accounts(&self) -> BTreeSet<String> {
        accounts(&self.root)
    }
}

/// Adds to what the build is told of a plant.
fn tell(planted: &mut Planted, plant: &str, key: &str, value: serde_json::Value) {
    if let Some(fact) = planted.facts.get_mut(plant).and_then(|fact| fact.as_object_mut()) {
        fact.insert(key.to_owned(), value);
    }
}

fn accounts(root: &Root) -> BTreeSet<String> {
    remnants::names(&root.read(Path::new("/etc/passwd"), PASSWD).unwrap_or_default())
}

/// The lab's file tree, empty but for what the host shows, in a mount namespace of its own.
fn file_tree(trial: &Trial, context: &RunContext, profile: Profile) -> Result<Root, LabError> {
    let users = context.users(profile);
    seclude()?;
    at_step("its files' owner", users::write_as_root_of(profile))?;
    let prefix = context.staged.prefix.as_deref();
    let mut root = at_step("its file tree", Root::make(prefix, users))?;
    at_step("the host's mounts", root.show(&context.shown))?;
    if has_helpers(&trial.attack, profile) {
        at_step("its helpers", root.add_helpers(users))?;
    }
    if profile.engine().is_some() {
        at_step("its ports", network::open_ports())?;
    }
    Ok(root)
}

/// A watch over files, if an oracle asks for one.
fn file_watch(
    root: &Root,
    trial: &Trial,
    interpreter: &Interpreter,
) -> io::Result<Option<FileWatch>> {
    let watched = trial.attack.oracles.iter().filter_map(|spec| match &spec.kind {
        OracleKind::FileOpened { path } | OracleKind::FileWritable { path } => {
            Some(PathBuf::from(fill(path, interpreter, "")))
        }
        _ => None,
    });
    let paths: Vec<_> = watched.collect();
    if paths.is_empty() { Ok(None) } else { FileWatch::start(root, &paths).map(Some) }
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

/// A sandbox needs control groups where it is told to limit what only they can.
const fn shows_groups(limits: &RunLimits) -> bool {
    limits.memory.is_some() || limits.pids.is_some()
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
