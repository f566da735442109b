//! The user of one build, from before it starts until nothing of it is left.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::LaunchError;
use crate::identity::handover;
use crate::identity::lease::Lease;
use crate::identity::useradd::Account;
use crate::plan::Plan;
use crate::policy::IdentityChoice;
use crate::step::{At, Step};

/// The user of one build.
#[derive(Debug)]
pub(super) enum User {
    Leased(Lease),
    Made { account: Account, given: Vec<Given> },
    Caller((u32, u32)),
}

/// A directory that was handed over, and its owner before.
#[derive(Debug)]
pub(super) struct Given {
    path: PathBuf,
    owner: (u32, u32),
}

impl User {
    /// Takes or makes the user that the plan asks for.
    pub(super) fn acquire(plan: &Plan) -> Result<Self, LaunchError> {
        Ok(match plan.identity {
            IdentityChoice::Lease => Self::Leased(Lease::take(&plan.runtime, &plan.uids)?),
            IdentityChoice::Useradd => {
                Self::Made { account: Account::make(&plan.runtime)?, given: vec![] }
            }
            IdentityChoice::Caller => Self::Caller(plan.caller),
        })
    }

    /// Its uid and gid, as the host sees them.
    pub(super) fn outside(&self) -> (u32, u32) {
        match self {
            Self::Leased(lease) => (lease.uid(), lease.uid()),
            Self::Made { account, .. } => account.ids(),
            Self::Caller(ids) => *ids,
        }
    }

    /// Its uid and gid, as the build sees them.
    pub(super) fn inside(&self, plan: &Plan) -> (u32, u32) {
        plan.inside.map_or_else(|| self.outside(), |inside| (inside, inside))
    }

    /// Notes that the build is about to start, with its directory on disk if it has one.
    pub(super) fn begin(&mut self, scratch: Option<&Path>) -> Result<(), LaunchError> {
        if let Self::Leased(lease) = self {
            lease.begin(scratch).at(Step::Lease)?;
        }
        Ok(())
    }

    /// Hands the build's directories over where it works in them directly.
    pub(super) fn take_over(&mut self, plan: &Plan) -> Result<(), LaunchError> {
        let ids = self.outside();
        if let Self::Made { given, .. } = self
            && plan.mounts.is_none()
        {
            for path in &plan.handed_over {
                let owner = handover::give(path, ids).at(Step::Handover)?;
                given.push(Given { path: path.clone(), owner });
            }
        }
        Ok(())
    }

    /// Lets go of the user, once nothing of the build is left.
    pub(super) fn release(self) -> Result<(), LaunchError> {
        match self {
            Self::Leased(lease) => lease.end().at(Step::Lease)?,
            Self::Made { account, given } => {
                account.remove()?;
                for Given { path, owner } in given {
                    handover::give(&path, owner).at(Step::Handover)?;
                }
            }
            Self::Caller(_) => {}
        }
        Ok(())
    }
}
