//! The user of one build, from before it starts until nothing of it is left.
#![forbid(unsafe_code)]

use std::os::fd::AsRawFd;
use std::path::Path;

use super::LaunchError;
use crate::identity::IdentityError;
use crate::identity::claim::Claim;
use crate::identity::lease::Lease;
use crate::identity::useradd::Account;
use crate::identity::{open_staging, processes};
use crate::plan::Plan;
use crate::policy::IdentityChoice;
use crate::step::{At, Step};
use crate::sys::descriptors::close_between;

/// The user of one build.
#[derive(Debug)]
pub(super) enum User {
    Leased(Lease),
    Made(Account),
    Caller { ids: (u32, u32), claim: Option<Claim> },
}

impl User {
    /// Takes or makes the user that the plan asks for.
    pub(super) fn acquire(plan: &Plan) -> Result<Self, LaunchError> {
        Ok(match plan.identity {
            IdentityChoice::Lease => Self::Leased(Lease::take(&plan.runtime, &plan.uids)?),
            IdentityChoice::Useradd => Self::Made(Account::make(&plan.runtime)?),
            IdentityChoice::Caller => Self::Caller { ids: plan.caller, claim: None },
        })
    }

    /// Its uid and gid, as the host sees them.
    pub(super) fn outside(&self) -> (u32, u32) {
        match self {
            Self::Leased(lease) => (lease.uid(), lease.uid()),
            Self::Made(account) => account.ids(),
            Self::Caller { ids, .. } => *ids,
        }
    }

    /// The name that its lease has, or its claim; without either nothing holds a name.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Leased(lease) => Some(lease.name()),
            Self::Caller { claim, .. } => claim.as_ref().map(Claim::name),
            Self::Made(_) => None,
        }
    }

    /// Its uid and gid, as the build sees them.
    pub(super) fn inside(&self, plan: &Plan) -> (u32, u32) {
        plan.inside.map_or_else(|| self.outside(), |inside| (inside, inside))
    }

    /// Notes that the build is about to start, with its directory on disk if it has one, and its
    /// control groups.
    pub(super) fn begin(&mut self, plan: &Plan, scratch: Option<&Path>) -> Result<(), LaunchError> {
        match self {
            Self::Leased(lease) => lease.begin(scratch, plan.groups()).at(Step::Lease)?,
            Self::Caller { claim, .. } if plan.is_claimed() => {
                let scratch = scratch.filter(|_| plan.staging.is_some());
                *claim = Some(Claim::make(&plan.runtime, scratch, plan.groups())?);
            }
            Self::Caller { .. } | Self::Made(_) => {}
        }
        if let Some(staging) = &plan.staging {
            open_staging(&plan.runtime, staging)?;
        }
        Ok(())
    }

    /// Ends what is left of a build without a process namespace, whose init ended without doing so.
    pub(super) fn end_processes(&self) -> Result<(), LaunchError> {
        processes::end_descendants();
        let (uid, _) = self.outside();
        let ended = match self {
            Self::Leased(lease) => {
                lease.mark().map_or(Ok(()), |mark| processes::end_marked(uid, mark))
            }
            // The account was made for this build, so that nobody else has it.
            Self::Made(_) => processes::end_all_of(uid),
            Self::Caller { .. } => Ok(()),
        };
        match ended {
            // A process of a foreign user namespace, which merely has the same number.
            Err(source) if source.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
            left => Ok(left.map_err(|source| IdentityError::Unkillable { uid, source })?),
        }
    }

    /// Marks this process, and so all that it starts, as the build's: see [`processes`].
    pub(super) fn mark(&self) -> Result<(), LaunchError> {
        let mark = if let Self::Leased(lease) = self { lease.mark() } else { None };
        Ok(mark.map_or(Ok(()), processes::take_mark).at(Step::Lease)?)
    }

    /// Hands the build's directories over where it works in them directly.
    pub(super) fn take_over(&mut self, plan: &Plan) -> Result<(), LaunchError> {
        if let Self::Made(account) = self
            && plan.mounts.is_none()
        {
            for tree in &plan.handed_over {
                account
                    .take_over(tree)
                    .at(Step::Handover)
                    .map_err(|fault| LaunchError::Step { fault, path: Some(tree.path.clone()) })?;
            }
        }
        Ok(())
    }

    /// Closes, in the sandbox's copy of this process, the lock that only the supervisor may hold.
    pub(super) fn let_go(&self) {
        let lock = match self {
            Self::Leased(lease) => lease.as_raw_fd(),
            Self::Made(account) => account.as_raw_fd(),
            Self::Caller { claim: Some(claim), .. } => claim.as_raw_fd(),
            Self::Caller { claim: None, .. } => return,
        };
        // It cannot fail for an open descriptor, and nothing else here uses it.
        let _ = close_between(lock, lock);
    }

    /// Lets go of the user, once nothing of the build is left.
    pub(super) fn release(self) -> Result<(), LaunchError> {
        match self {
            Self::Leased(lease) => lease.end().at(Step::Release)?,
            Self::Made(account) => account.remove()?,
            Self::Caller { claim, .. } => {
                claim.map_or(Ok(()), Claim::end).at(Step::Release)?;
            }
        }
        Ok(())
    }
}
