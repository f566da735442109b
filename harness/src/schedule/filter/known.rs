//! What an expression may ask of beside the manifests: targets, committed verdicts, changes.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

/// Everything that was found out for an expression before it is asked.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The name of every target.
    pub targets: Vec<String>,
    /// Every verdict that there is.
    pub words: Vec<&'static str>,
    /// What the committed reports say.
    pub shown: BTreeSet<Shown>,
    /// The ids of the entries whose folder has changed, by the base since which.
    pub changed: BTreeMap<String, BTreeSet<String>>,
}

/// A cell of a committed report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// The entry.
    pub id: String,
    /// The verdict.
    pub verdict: &'static str,
    /// The target.
    pub target: String,
    /// The lab profile.
    pub host: String,
}

/// From where an expression looks: one target on one host in a run, all of them in a list.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The target, and the lab profile on which it is tried.
    pub place: Option<(&'a str, &'a str)>,
    /// What was found out.
    pub known: &'a Known,
}

impl View<'_> {
    /// Whether the target is this one; in a list, whether it was ever tried with the entry.
    pub(super) fn is_of(&self, target: &str, id: &str) -> bool {
        match self.place {
            Some((here, _)) => here == target,
            None => self.of(id).any(|shown| shown.target == target),
        }
    }

    /// Whether the committed report of this target, or in a list any, has the verdict.
    pub(super) fn has_shown(&self, verdict: &str, id: &str) -> bool {
        self.of(id).any(|shown| {
            let here =
                self.place.is_none_or(|place| place == (shown.target.as_str(), &*shown.host));
            here && shown.verdict == verdict
        })
    }

    fn of(&self, id: &str) -> impl Iterator<Item = &Shown> {
        let all = self.known.shown.iter();
        all.skip_while(move |shown| *shown.id < *id).take_while(move |shown| shown.id == id)
    }
}

impl Known {
    pub(super) fn has_changed(&self, base: &str, id: &str) -> bool {
        self.changed.get(base).is_some_and(|ids| ids.contains(id))
    }
}
