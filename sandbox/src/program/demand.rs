//! What a command line demands, with everything that was found out on the way.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use crate::payload::Payload;
use crate::plain::say;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::tools::Withheld;
use crate::unseen::{Depth, Unseen, unseen};

/// How many things that a build does not see are told before it.
const MOST_TOLD: usize = 16;

/// What is to be launched.
pub(super) struct Demand {
    pub(super) policy: Policy,
    pub(super) program: PathBuf,
    pub(super) payload: Payload,
    /// What the search for tools has left out.
    pub(super) withheld: Vec<Withheld>,
    /// Nothing is told before the build but what it does not hold.
    pub(super) quiet: bool,
    /// It is told why the build failed: every process of it is followed.
    pub(super) why: bool,
}

impl Demand {
    /// Says what the build under `plan` does not see, one line each.
    pub(super) fn tell_unseen(&self, plan: &Plan) {
        if self.quiet {
            return;
        }
        let found = self.unseen(plan, Depth::Launch);
        let told: Vec<_> = found.iter().filter(|unseen| !unseen.quiet).collect();
        for unseen in told.iter().take(MOST_TOLD) {
            say(unseen);
        }
        if let Some(more) = told.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
            say(format_args!(
                "and {more} more that the build does not see; `bulkhead explain` lists all"
            ));
        }
    }

    /// What the build under `plan` does not see.
    pub(super) fn unseen(&self, plan: &Plan, depth: Depth) -> Vec<Unseen> {
        unseen(plan, &self.payload, &self.withheld, depth)
    }
}
