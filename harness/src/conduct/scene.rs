//! The scenes of a trial, in order: set up, rehearse the oracles, build, look, tear down, judge.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::account::Account;
use super::bench::Bench;
use super::broken;
use super::onlooker::{Eyes, Moment, Room};
use super::outputs::{exists, outputs};
use super::rehearsal::{Unseen, complete};
use super::watch::Watch;
use crate::catalogue::attack::{Interrupt, OracleKind, RunLimits};
use crate::catalogue::spelling::Spelt as _;
use crate::frontend;
use crate::lab::ears::Ears;
use crate::lab::groups::Groups;
use crate::lab::layout::{Interpreter, OUTPUT, SECOND_OUTPUT, SOURCE, fill};
use crate::lab::pace::Pace;
use crate::lab::plants::{Cast, Planted, has_helpers, plant};
use crate::lab::processes::Standing;
use crate::lab::profile::Profile;
use crate::lab::root::Root;
use crate::lab::sentry::Sentry;
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
    bench: &Bench,
    slot: usize,
    eyes: &mut Eyes<'_>,
) -> Observation {
    let cast = match Cast::of(&trial.attack, Profile::of(&trial.host)) {
        Ok(cast) => cast,
        Err(error) => return broken(error.to_string()),
    };
    let mut observation =
        match Scene::set(trial, bench, slot, &cast, eyes).and_then(|scene| scene.play(eyes)) {
            Ok(observation) => observation,
            Err(LabError::Alive(left)) => {
                Observation { contaminated: Some(left.clone()), ..broken(left) }
            }
            Err(error) => broken(error.to_string()),
        };
    observation.canaries = cast.canaries.values().cloned().collect();
    let left = observation.contaminated.take().into_iter().chain(bench.baseline.difference());
    let left = left.collect::<Vec<_>>().join("; ");
    observation.contaminated = (!left.is_empty()).then_some(left);
    observation
}

/// A lab, ready for the front end.
pub(super) struct Scene<'a> {
    pub(super) trial: &'a Trial,
    bench: &'a Bench,
    pub(super) pace: Pace,
    pub(super) interpreter: Interpreter,
    pub(super) cast: &'a Cast,
    pub(super) root: Root,
    pub(super) planted: Planted,
    pub(super) ears: Ears,
    pub(super) sentry: Option<Sentry>,
    pub(super) hostname: String,
    pub(super) lab: Lab,
    front: Command,
}

/// What there is before the front end starts.
struct Before {
    mounts: String,
    accounts: BTreeSet<String>,
    space: (u64, u64),
    standings: BTreeMap<String, Standing>,
    files: Snapshot,
}

impl<'a> Scene<'a> {
    /// Sets up the lab.
    fn set(
        trial: &'a Trial,
        bench: &'a Bench,
        slot: usize,
        cast: &'a Cast,
        eyes: &mut Eyes<'_>,
    ) -> Result<Self, LabError> {
        let attack = &trial.attack;
        let profile = Profile::of(&trial.host);
        // The same from beginning to end, whatever becomes of the machine meanwhile.
        let pace = bench.pace();
        let interpreter = Interpreter { home: profile.home(), ..bench.staged.interpreter.clone() };
        let users = bench.users(profile);
        seclude()?;
        at_step("its files' owner", users::write_as_root_of(profile))?;
        let prefix = bench.staged.prefix.as_deref();
        let mut root = at_step("its file tree", Root::make(prefix, users))?;
        at_step("the host's mounts", root.show(&bench.shown))?;
        if has_helpers(attack, profile) {
            at_step("its helpers", root.add_helpers(users))?;
        }
        if profile.engine().is_some() {
            at_step("its ports", network::open_ports())?;
        }
        let short: String = cast.nonce.chars().take(4).collect();
        let mut hostname = format!("buildhost-{short}");
        let mut planted = plant(attack, cast, &root, &interpreter, profile)?;
        if let Some(name) = planted.hostname.take() {
            hostname = name;
        }
        at_step("its files", staging::furnish(&root, &hostname, &bench.program))?;
        at_step("its accounts", staging::accounts(&root, target::own::uids(slot)))?;
        at_step("the source tree", staging::source(&root, &attack.tree))?;
        if attack.run.second.is_some() {
            at_step("the second build", staging::second(&root, &cast.nonce, profile.home()))?;
        }
        if let Some((path, content)) = &bench.staged.moved {
            at_step("the interpreter", root.write(path, 0o755, content))?;
        }
        let prefix = target::prefix(trial, slot, pace);
        eyes.sees(Moment::Furnished { prefix: &prefix, plants: &planted.paths });
        let mut files =
            frontend::files(&bench.frontend, attack, &prefix, &interpreter, &planted, pace);
        files.extend(target::files(trial));
        at_step("the front end", staging::frontend(&root, &files))?;
        let ears = at_step("the listeners", Ears::open(std::mem::take(&mut planted.ears)))?;
        // Its thread must be there before the lab: this one can start none afterwards.
        let sentry = at_step("the sentry", sentry(&root, trial, &interpreter))?;
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
        let groups = Groups::make(&cast.nonce, lent_to);
        let lab = Lab::open(&root, groups, users, spec)?;
        for victim in &lab.victims {
            tell(&mut planted, &victim.plant, "pid", json!(victim.pid));
        }
        for (plant, serial) in &lab.keys {
            tell(&mut planted, plant, "serial", json!(serial));
        }
        let (source, home) = (Path::new(SOURCE), profile.home());
        let facts =
            staging::facts(&root, source, &cast.nonce, home, &planted.facts, &eyes.pauses(), pace);
        at_step("the trial's facts", facts)?;
        Ok(Self {
            trial,
            bench,
            pace,
            interpreter,
            cast,
            root,
            planted,
            ears,
            sentry,
            hostname,
            lab,
            front,
        })
    }

    /// Lets the front end build, and judges what is left.
    fn play(self, eyes: &mut Eyes<'_>) -> Result<Observation, LabError> {
        let mut self_tests = self.self_tests();
        eyes.sees(Moment::Rehearsed(&self_tests));
        eyes.sees(Moment::Before(self.room()));
        let before = self.look()?;
        let begin = Instant::now();
        let (sentry, nonce) = (self.sentry.as_ref(), &self.cast.nonce);
        let mut account =
            Watch::of(self.room(), sentry, self.trial, self.pace, nonce, eyes).follow();
        account.run.elapsed = begin.elapsed();
        let mut evidence = self.living(&account, &before);
        eyes.sees(Moment::After(self.room()));
        let Self { trial, bench, pace, root, ears, sentry, lab, .. } = self;
        // Times are held against those of the manifest, which are an ordinary machine's.
        account.longest = pace.shrunk(account.longest);
        evidence.mounts = (before.mounts, mounts(&lab));
        // The groups count until the last process is dead.
        let groups = lab.close()?;
        evidence.sightings = sentry.map(Sentry::relieve).unwrap_or_default();
        evidence.sightings.retain(|it| !it.inner.is_some_and(|pid| account.is_ours(pid)));
        let after = at_step("the list of its files", Snapshot::take(&root))?;
        let cut_off = before.files.cut_off || after.cut_off;
        let (entries, unread) = outputs(&root, OUTPUT);
        let unseen = Unseen { files: cut_off, outputs: unread };
        complete(&mut self_tests, &trial.attack.oracles, &account, unseen);
        account.conclude(trial, exists(&root, OUTPUT));
        evidence.usage = usage(&groups, &account, before.space, root.space());
        let left = groups.left();
        evidence.outlived = trial
            .attack
            .run
            .limits
            .timeout
            .map(|limit| (limit.0, account.longest))
            .and_then(|(limit, ran)| (ran > limit + LATE).then_some(ran));
        evidence.heard = ears.close();
        evidence.changes = before.files.changes(&after, &root);
        let log = &account.run.log;
        eyes.sees(Moment::Over { root: &root, changes: &evidence.changes, log });
        evidence.accounts = (before.accounts, accounts(&root));
        evidence.entries = entries;
        // A sandbox that refuses this host has harmed nobody.
        if trial.attack.run.second.is_some() && account.run.refused.is_none() {
            evidence.second = Some(account.second_build(exists(&root, SECOND_OUTPUT)));
            let (wheel, _) = outputs(&root, SECOND_OUTPUT);
            evidence.second_differs = neighbours::difference(&wheel, &bench.honest);
            evidence.neighbour = wheel;
        }
        evidence.survivors = account.survivors;
        evidence.postures = account.postures;
        evidence.values = account.values;
        evidence.items = account.items;
        evidence.log.clone_from(&account.run.log);
        evidence.log_cut_off = account.log_cut_off;
        Ok(Observation {
            findings: findings(&trial.attack.oracles, &evidence),
            run: account.run,
            self_tests,
            contaminated: groups_left(&left),
            ..Observation::default()
        })
    }

    /// The living lab, for whoever wants to enter it.
    fn room(&self) -> Room<'_> {
        Room { lab: &self.lab, front: &self.front, hook: None }
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
    fn living(&self, account: &Account, before: &Before) -> Evidence {
        let mut evidence = Evidence::none(self.interpreter.clone());
        evidence.makes_accounts = self.trial.makes_accounts();
        let profile = Profile::of(&self.trial.host);
        evidence.caller = (profile.caller(), profile.group());
        if let Sandbox::Command(recipe) = &self.trial.sandbox {
            evidence.records.clone_from(&recipe.keeps);
        }
        let kill = Interrupt::is_supervisors_death;
        evidence.killed =
            account.interrupted && self.trial.attack.run.interrupt.as_ref().is_some_and(kill);
        evidence.nonce.clone_from(&self.cast.nonce);
        evidence.canaries.clone_from(&self.cast.canaries);
        evidence.victims = self.victims(account, before);
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
    fn standings(&self) -> BTreeMap<String, Standing> {
        let standing = |pid| self.lab.processes.standing(pid);
        self.lab.victims.iter().map(|one| (one.plant.clone(), standing(one.pid))).collect()
    }

    fn victims(&self, account: &Account, before: &Before) -> Vec<VictimSeen> {
        self.lab
            .victims
            .iter()
            .map(|living| {
                let ended = account.victims_ended.get(&living.plant).copied();
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
                let mut expected = self.cast.canary(plant).as_bytes().to_vec();
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

/// A sentry, if an oracle asks for one.
fn sentry(root: &Root, trial: &Trial, interpreter: &Interpreter) -> io::Result<Option<Sentry>> {
    let watched = trial.attack.oracles.iter().filter_map(|spec| match &spec.kind {
        OracleKind::FileOpened { path } | OracleKind::FileWritable { path } => {
            Some(PathBuf::from(fill(path, interpreter, "")))
        }
        _ => None,
    });
    let paths: Vec<_> = watched.collect();
    if paths.is_empty() { Ok(None) } else { Sentry::post(root, &paths).map(Some) }
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
fn usage(groups: &Groups, account: &Account, before: (u64, u64), after: (u64, u64)) -> Usage {
    Usage {
        memory: groups.memory(),
        processes: groups.processes(),
        disk: after.0.saturating_sub(before.0),
        files: after.1.saturating_sub(before.1),
        longest: account.longest,
        log: account.printed,
    }
}
