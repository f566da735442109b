//! Somebody who looks on while one trial is conducted, and whom the trial waits for.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::lab::Lab;
use crate::lab::root::Root;
use crate::lab::snapshot::Change;
use crate::lab::wire::Command;
use crate::oracle::SelfTest;

/// What an observer is shown, in this order.
pub enum TrialEvent<'a> {
    /// The lab has its files.
    LabMade {
        /// What stands in front of every hook.
        prefix: &'a [String],
        /// Where the plants with a path lie.
        plants: &'a BTreeMap<String, PathBuf>,
    },
    /// The oracles were asked whether they notice what they are there for.
    SelfTested(&'a [SelfTest]),
    /// Everything is ready; the front end has not started.
    Before(LabHandle<'a>),
    /// A hook is about to be called.
    Hook(&'a str),
    /// A mark arrived.
    Mark(&'a str),
    /// The build stands still at the last mark, just before the attempt that it announces.
    AtTheEscape(LabHandle<'a>),
    /// A hook is over; what came of it.
    HookEnded(&'a str, &'a str),
    /// The front end has ended, and nothing stirs any more; the lab still lives.
    After(LabHandle<'a>),
    /// All is dead.
    Over {
        /// Its files.
        root: &'a Root,
        /// What was written since the front end started.
        changes: &'a [Change],
        /// What the build printed; hostile.
        log: &'a [u8],
    },
}

/// A living lab, to be entered.
#[derive(Clone, Copy)]
pub struct LabHandle<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// The front end's command, with its environment and directory.
    pub front: &'a Command,
    /// The process of the build that stands still, by its number within the lab.
    pub hook: Option<i32>,
}

/// Who looks on.
pub trait Observer {
    /// The marks at which the build is to stand still.
    fn pauses(&self) -> Vec<String>;

    /// Is shown a moment. The trial goes on when it returns.
    fn sees(&mut self, moment: TrialEvent<'_>);
}

/// Nobody.
pub struct Nobody;

impl Observer for Nobody {
    fn pauses(&self) -> Vec<String> {
        Vec::new()
    }

    fn sees(&mut self, _moment: TrialEvent<'_>) {}
}

/// An observer of a trial, which runs on a thread of its own.
pub type DynObserver<'a> = dyn Observer + Send + 'a;
