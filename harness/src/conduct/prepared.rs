//! A lab that is set up for a trial: files, plants, listeners, victims, and the front end's command.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::context::RunContext;
use super::observer::{DynObserver, TrialEvent};
use crate::catalogue::attack::RunLimits;
use crate::catalogue::spelling::Spelt as _;
use crate::frontend;
use crate::lab::file_watch::FileWatch;
use crate::lab::groups::Groups;
use crate::lab::layout::{Interpreter, SOURCE, fill};
use crate::lab::listeners::Listeners;
use crate::lab::pace::Pace;
use crate::lab::plants::{Planted, TrialSecrets, has_helpers, plant};
use crate::lab::profile::Profile;
use crate::lab::root::Root;
use crate::lab::wire::{Command, Spec};
use crate::lab::{Lab, LabError, at_step, network, seclude, staging, users};
use crate::oracle::remnants;
use crate::schedule::Trial;
use crate::target;

/// `/etc/passwd` is not read beyond this.
const PASSWD: usize = 4 << 20;

/// A lab, ready for the front end.
pub(super) struct PreparedTrial<'a> {
    pub(super) trial: &'a Trial,
    pub(super) context: &'a RunContext,
    pub(super) pace: Pace,
    pub(super) interpreter: Interpreter,
    pub(super) secrets: &'a TrialSecrets,
    pub(super) root: Root,
    pub(super) planted: Planted,
    pub(super) listeners: Listeners,
    pub(super) file_watch: Option<FileWatch>,
    pub(super) hostname: String,
    pub(super) lab: Lab,
    pub(super) front: Command,
}

impl<'a> PreparedTrial<'a> {
    /// Sets up the lab.
    pub(super) fn prepare(
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
        let groups = Groups::make(context.host.owner(), &secrets.nonce, lent_to);
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

    /// The text on the heap of a victim.
    pub(super) fn word(&self, plant: &str) -> String {
        let victim = self.planted.victims.iter().find(|victim| victim.plant == plant);
        victim.map(|victim| victim.memory.clone()).unwrap_or_default()
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

/// The names of the accounts in the lab.
pub(super) fn accounts(root: &Root) -> BTreeSet<String> {
    remnants::names(&root.read(Path::new("/etc/passwd"), PASSWD).unwrap_or_default())
}

/// The lab's file tree, empty but for what the host shows, in a mount namespace of its own.
fn file_tree(trial: &Trial, context: &RunContext, profile: Profile) -> Result<Root, LabError> {
    let users = context.users(profile);
    seclude()?;
    at_step("its files' owner", users::write_as_root_of(profile))?;
    let prefix = context.staged.prefix.as_deref();
    let mut root = at_step("its file tree", Root::make(&context.host, prefix, users))?;
    at_step("the host's mounts", root.show(&context.host, &context.shown))?;
    for file in &context.staged.start_up {
        // One on a mount that labs show read-only stays.
        let _stays = root.remove(file);
    }
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
    let watched = trial.attack.oracles.iter().filter_map(|spec| spec.kind.watched_path());
    let paths: Vec<_> = watched.map(|path| PathBuf::from(fill(path, interpreter, ""))).collect();
    if paths.is_empty() { Ok(None) } else { FileWatch::start(root, &paths).map(Some) }
}

/// A sandbox needs control groups where it is told to limit what only they can.
const fn shows_groups(limits: &RunLimits) -> bool {
    limits.memory.is_some() || limits.pids.is_some()
}
