//! Trials conducted for a command: with progress, and with what is said of the machine.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::thread;

use super::failure::Failure;
use super::{Conductor, Wishes, World, machine};
use crate::gaps::Gaps;
use crate::lab::plants::has_helpers;
use crate::lab::profile::Profile;
use crate::oracle::Observation;
use crate::runner::progress::{Bar, Lines, Progress};
use crate::runner::{self, Setting};
use crate::schedule::{Sandbox, Schedule, Trial};
use crate::verdict::Settled;

/// How many trials run at the same time: as many as were asked for, or two for each processor, since a
/// trial waits for half of its time.
pub(super) fn slots(jobs: Option<NonZeroUsize>) -> usize {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    jobs.map_or_else(|| 2 * processors(), usize::from)
}

/// Every trial, and what there is to say of the machine.
pub(super) fn conducted(
    wishes: &Wishes,
    schedule: &Schedule,
    gaps: &BTreeMap<String, Gaps>,
    today: &str,
    world: &mut World<'_>,
) -> Result<(Vec<Settled>, BTreeMap<String, String>), Failure> {
    let Conductor { conduct, facts, .. } = (world.prepare)(wishes).map_err(Failure::Unready)?;
    let unread = |trial: &Trial| wishes.untrusted.then(|| unread(trial)).flatten();
    let conduct = |trial: &Trial, slot| match lacking(trial).or_else(|| unread(trial)) {
        Some(reason) => Observation { unsupported: Some(reason), ..Observation::default() },
        None => without_traits(conduct(trial, slot), trial),
    };
    let progress: Box<dyn Progress + '_> =
        if world.live { Box::new(Bar::new()) } else { Box::new(Lines::to(&mut *world.err)) };
    let setting = Setting {
        conduct: &conduct,
        slots: wishes.slots,
        stop: world.stop,
        progress: &*progress,
        times: wishes.times.unwrap_or(NonZeroUsize::MIN),
        shuffle: wishes.shuffle,
        gaps,
        today,
    };
    let settled = runner::run(schedule, &setting)?;
    Ok((settled, machine::facts().into_iter().chain(facts).collect()))
}

/// The observation without what the sandbox leaves behind in every trial. What a manifest asks for
/// is never left out.
fn without_traits(mut observed: Observation, trial: &Trial) -> Observation {
    if let Sandbox::Command(recipe) = &trial.sandbox {
        observed.findings.retain(|one| one.declared || !recipe.leaves.contains(&one.oracle));
    }
    observed
}

/// Why a trial of what nobody has read is not conducted.
fn unread(trial: &Trial) -> Option<String> {
    let attack = &trial.attack;
    let reason = if !attack.run.lends.is_empty() {
        "an untrusted run lends nothing that a lab withholds"
    } else if has_helpers(attack, Profile::of(&trial.host)) {
        "an untrusted run has no program that gives rights"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

/// Why the sandbox of a trial cannot be started on this machine.
fn lacking(trial: &Trial) -> Option<String> {
    match &trial.sandbox {
        Sandbox::Command(recipe) => recipe.lacking.clone(),
        Sandbox::Own { .. } => None,
    }
}
