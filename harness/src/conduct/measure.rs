//! How long an honest build takes here and now, which decides how long trials may take.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sandbox::Level;

use super::observer::Nobody;
use super::{RunContext, RunContextError, conducted};
use crate::catalogue::attack::{Attack, AttackId, Hook, Purpose, RunPlan};
use crate::lab::pace::Pace;
use crate::lab::staging;
use crate::schedule::{Sandbox, Trial};

/// A build that takes longer is given up; the machine is as slow as can be then.
const LONGEST: Duration = Duration::from_mins(2);

impl RunContext {
    /// Lets an honest build run in as many slots at the same time as there will be, and takes the
    /// slowest of them as the pace of this machine, unless it was slower before.
    ///
    /// # Errors
    /// When the honest build cannot be built, and nothing else could.
    pub fn measure(&self, slots: usize) -> Result<(), RunContextError> {
        let trial = trial();
        let times = std::thread::scope(|scope| {
            let build = |slot| {
                let trial = &trial;
                move || self.time(trial, slot)
            };
            let builds: Vec<_> = (0..slots.max(1)).map(|slot| scope.spawn(build(slot))).collect();
            let panicked = |_| Err(RunContextError::Honest("its thread panicked".to_owned()));
            builds
                .into_iter()
                .map(|build| build.join().unwrap_or_else(panicked))
                .collect::<Result<Vec<_>, _>>()
        });
        let slowest = times?.into_iter().max();
        self.slowest.note(slowest.map(Pace::of).unwrap_or_default());
        Ok(())
    }

    /// Takes this machine for so many times as slow as it was found.
    pub fn slow_down(&self, factor: u32) {
        self.slowest.note(self.slowest.pace().times(factor));
    }

    /// How long the build takes.
    fn time(&self, trial: &Trial, slot: usize) -> Result<Duration, RunContextError> {
        let seen = conducted(trial, self, slot, &mut Nobody);
        if let Some(reason) = seen.contaminated {
            return Err(RunContextError::Contaminated(reason));
        }
        let run = seen.run;
        if run.built || run.timed_out {
            return Ok(run.elapsed);
        }
        let raised = run.hooks.last().and_then(|end| end.exception.clone());
        Err(RunContextError::Honest(run.broken.or(raised).unwrap_or_default()))
    }
}

/// A trial of an honest build without any sandbox.
fn trial() -> Trial {
    let attack = Attack {
        id: AttackId("benign/honest".to_owned()),
        dir: PathBuf::new(),
        title: String::new(),
        summary: String::new(),
        purpose: Purpose::Benign,
        techniques: Vec::new(),
        weaknesses: Vec::new(),
        rows: Vec::new(),
        run: RunPlan { hooks: vec![Hook::BuildWheel], timeout: LONGEST, ..RunPlan::default() },
        requires: Vec::new(),
        plants: Vec::new(),
        oracles: Vec::new(),
        expect: std::collections::BTreeMap::new(),
        references: Vec::new(),
        fixture: String::new(),
        tree: staging::honest_tree(),
    };
    Trial {
        attack: Arc::new(attack),
        target: "own".to_owned(),
        level: Level::None,
        host: "root".to_owned(),
        sandbox: Sandbox::OWN,
    }
}
