//! The sequence, once: every trial of a schedule in a pool of slots, then the verdicts.
#![forbid(unsafe_code)]

pub mod interrupt;
pub mod progress;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use sandbox::plain::plural;

use crate::catalogue::attack::Expected;
use crate::gaps::Gaps;
use crate::oracle::Observation;
use crate::schedule::{Cell, Schedule, Trial};
use crate::target::Run;
use crate::verdict::{self, Ruling, Settled, Verdict};
use progress::Progress;

/// Conducts one trial in the slot of that number, and never panics. The slot is what trials at
/// the same time must not share, as a range of uids.
pub type Conduct<'a> = dyn Fn(&Trial, usize) -> Observation + Sync + 'a;

/// How many cells at most get a second attempt: when more go wrong, it is not chance.
const SECOND_ATTEMPTS: usize = 16;

/// What a run is given beside its schedule.
pub struct Setting<'a> {
    /// Conducts a trial.
    pub conduct: &'a Conduct<'a>,
    /// How many trials run at the same time.
    pub slots: usize,
    /// Set once the user wants to stop.
    pub stop: &'a AtomicBool,
    /// Who is told what runs.
    pub progress: &'a dyn Progress,
    /// How often each trial is tried at least.
    pub times: NonZeroUsize,
    /// The seed of the order in which trials begin; without one it is that of the schedule.
    pub shuffle: Option<u64>,
    /// The gaps of every target.
    pub gaps: &'a BTreeMap<String, Gaps>,
    /// The day, on which a gap may have expired.
    pub today: &'a str,
}

/// The user stopped the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted after {done} of {}; nothing was written", plural(.of, "trial"))]
pub struct Interrupted {
    /// How many trials were over.
    pub done: usize,
    /// How many there were to be.
    pub of: usize,
}

/// Runs every trial as often as is wanted, gives what went wrong one more attempt, and rules on all cells.
///
/// # Errors
/// When the user stops it.
pub fn run(schedule: &Schedule, setting: &Setting<'_>) -> Result<Vec<Settled>, Interrupted> {
    let cells = &schedule.cells;
    let mut attempts: Vec<Vec<Observation>> = cells.iter().map(|_| Vec::new()).collect();
    let mut tried: Vec<_> = indices(cells, |cell, _| cell.expected != Expected::NotRun);
    if let Some(seed) = setting.shuffle {
        shuffle(&mut tried, seed);
    }
    for _ in 0..setting.times.get() {
        round(cells, &tried, &mut attempts, setting)?;
    }
    // What is worthless only because of another trial would be so a second time.
    let alone = verdict::rule_alone(cells, &attempts);
    let again = indices(cells, |_, index| alone.get(index).is_some_and(is_doubtful));
    if !again.is_empty() && again.len() <= SECOND_ATTEMPTS {
        round(cells, &again, &mut attempts, setting)?;
    }
    let rulings = verdict::rule(cells, &attempts, setting.gaps, setting.today);
    let parts = cells.iter().cloned().zip(attempts).zip(rulings);
    Ok(parts.map(|((cell, attempts), ruling)| Settled { cell, attempts, ruling }).collect())
}

fn indices(cells: &[Cell], wanted: impl Fn(&Cell, usize) -> bool) -> Vec<usize> {
    let numbered = cells.iter().enumerate().filter(|(index, cell)| wanted(cell, *index));
    numbered.map(|(index, _)| index).collect()
}

/// An order that the seed decides, on every machine the same: Fisher and Yates' way, with the
/// numbers of `SplitMix64`.
fn shuffle(indices: &mut [usize], seed: u64) {
    let mut state = seed;
    for last in (1..indices.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let among = u64::try_from(last).unwrap_or(u64::MAX - 1) + 1;
        let chosen = usize::try_from((mixed ^ (mixed >> 31)) % among).unwrap_or_default();
        indices.swap(last, chosen);
    }
}

/// Whether a second attempt can tell chance from certainty. It can only worsen the verdict.
fn is_doubtful(ruling: &Ruling) -> bool {
    matches!(ruling.verdict, Verdict::Vacuous | Verdict::Error | Verdict::UnexpectedBlock)
}

/// One attempt at each of the cells `wanted`.
fn round(
    cells: &[Cell],
    wanted: &[usize],
    attempts: &mut [Vec<Observation>],
    setting: &Setting<'_>,
) -> Result<(), Interrupted> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let stop = || setting.stop.load(Ordering::Relaxed);
    setting.progress.expects(wanted.len());
    thread::scope(|scope| {
        for slot in 0..setting.slots.clamp(1, wanted.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while !stop() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cell) = wanted.get(index).and_then(|cell| cells.get(*cell)) else {
                        break;
                    };
                    setting.progress.begins(&cell.trial);
                    let observed = observe(setting.conduct, &cell.trial, slot);
                    setting.progress.ends(&cell.trial);
                    if sender.send((index, observed)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut done = 0;
        for (index, observed) in &receiver {
            let place = wanted.get(index).and_then(|cell| attempts.get_mut(*cell));
            if let Some(place) = place {
                place.push(observed);
                done += 1;
            }
        }
        // What ran while the user stopped it may have been cut off, and is worth nothing.
        if stop() { Err(Interrupted { done, of: wanted.len() }) } else { Ok(()) }
    })
}

/// A trial that goes wrong is a verdict, not the end of the run.
fn observe(conduct: &Conduct<'_>, trial: &Trial, slot: usize) -> Observation {
    catch_unwind(AssertUnwindSafe(|| conduct(trial, slot))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let broken = Some(format!("the harness itself broke in this trial: {text}"));
        Observation { run: Run { broken, ..Run::default() }, ..Observation::default() }
    })
}

#[cfg(test)]
mod tests;
