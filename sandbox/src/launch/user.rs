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

    /// The name that its lease has; without a lease nothing holds a name.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Leased(lease) => Some(lease.name()),
            Self::Made(_) | Self::Caller { .. } => None,
        }
    }

    /// Its uid and gid, as the build sees them.
    pub(super) fn inside(&self, plan: &Plan) -> (u32, u32) {
        plan.inside.map_or_else(|| self.outside(), |inside| (inside, inside))
    }

    /// Notes that the build is about to start, with its directory on disk if it has one.
    pub(super) fn begin(&mut self, plan: &Plan, scratch: Option<&Path>) -> Result<(), LaunchError> {
        match (self, scratch) {
            (Self::Leased(lease), _) => lease.begin(scratch).at(Step::Lease)?,
            (Self::Caller { claim, .. }, Some(scratch)) if plan.staging.is_some() => {
                *claim = Some(Claim::make(&plan.runtime, scratch)?);
            }
            _ => {}
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
        if matches!(self, Self::Leased(_) | Self::Made(_)) {
            match processes::end_all_of(uid) {
                // A process of a foreign user namespace, which merely has the same number.
                Err(source) if source.kind() == std::io::ErrorKind::PermissionDenied => {}
                left => left.map_err(|source| IdentityError::Unkillable { uid, source })?,
            }
        }
        Ok(())
    }

    /// Hands the build's directories over where it works in them directly.
    pub(super) fn take_over(&mut self, plan: &Plan) -> Result<(), LaunchError> {
        if let Self::Made(account) = self
            && plan.mounts.is_none()
        {
            for path in &plan.handed_over {
                account
                    .take_over(path)
                    .at(Step::Handover)
                    .map_err(|fault| LaunchError::Step { fault, path: Some(path.clone()) })?;
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
            Self::Leased(lease) => lease.end().at(Step::Lease)?,
            Self::Made(account) => account.remove()?,
            Self::Caller { claim, .. } => {
                claim.map_or(Ok(()), Claim::end).at(Step::Lease)?;
            }
        }
        Ok(())
    }
}
