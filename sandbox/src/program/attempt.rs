//! From a policy to a finished launch, with a second plan where the first was too hopeful.
#![forbid(unsafe_code)]

use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::Failure;
use crate::host::Host;
use crate::host::rehearsal::Namespaces;
use crate::launch::{self, Client, Finished, LaunchError};
use crate::payload::Payload;
use crate::plan::holdings::Holdings;
use crate::plan::{Plan, PlanKind};
use crate::policy::levels::Level;
use crate::policy::{IdentityChoice, Policy};

/// What a program that asked for a launch wants to be told, and how it is known to want it still.
pub(super) struct Wish<'a> {
    /// Its end of this ends the build.
    pub(super) lifeline: BorrowedFd<'a>,
    /// What is done once the payload is let through.
    pub(super) started: &'a dyn Fn(&Plan),
}

/// Plans and runs `payload` under `policy`, and says what the plan does not hold in full.
pub(super) fn run(
    policy: &Policy,
    program: &Path,
    payload: &Payload,
) -> Result<(Plan, Finished), Failure> {
    attempt(policy, program, payload, &|plan| {
        tell(plan);
        launch::run(plan, &Client::NONE)
    })
}

/// The same for a program that is told by other means.
pub(super) fn run_for(
    wish: &Wish<'_>,
    policy: &Policy,
    program: &Path,
    payload: &Payload,
) -> Result<(Plan, Finished), Failure> {
    attempt(policy, program, payload, &|plan| {
        let started = || (wish.started)(plan);
        launch::run(plan, &Client::new(wish.lifeline, &started))
    })
}

fn attempt(
    policy: &Policy,
    program: &Path,
    payload: &Payload,
    launch: &dyn Fn(&Plan) -> Result<Finished, LaunchError>,
) -> Result<(Plan, Finished), Failure> {
    let host = Host::glance().looking_at(policy, payload);
    let plan = Plan::resolve(policy, program, payload, &host)?;
    let refused = match launch(&plan) {
        Ok(finished) => return Ok((plan, finished)),
        Err(error) if host.namespaces == Namespaces::Presumed && error.is_of_namespaces() => error,
        Err(error) => return Err(explained(&plan, error)),
    };
    // Nothing spoke against namespaces, and they were refused all the same. What else is refused a
    // rehearsal tells; if it finds nothing, the refusal stands.
    let host = host.rehearsed();
    if host.namespaces.allow_all() {
        return Err(refused.into());
    }
    let plan = Plan::resolve(policy, program, payload, &host)?;
    match launch(&plan) {
        Ok(finished) => Ok((plan, finished)),
        Err(error) => Err(explained(&plan, error)),
    }
}

/// Where nothing can be mounted a leased uid comes to a program by itself or not at all: then the
/// directory that stops it is named.
fn explained(plan: &Plan, error: LaunchError) -> Failure {
    let alone = plan.kind == PlanKind::Contained && plan.identity != IdentityChoice::Caller;
    match closed(&plan.program).filter(|_| alone && error.is_of_access()) {
        Some(directory) => Failure::Unreachable { error, directory },
        None => error.into(),
    }
}

/// The outermost directory on the way to `program`, and to what it is a link to, that only its
/// owner or group may enter.
fn closed(program: &Path) -> Option<PathBuf> {
    let target = std::fs::canonicalize(program).ok();
    let ways = [Some(program), target.as_deref()].into_iter().flatten();
    let mut directories: Vec<_> = ways.flat_map(|way| way.ancestors().skip(1)).collect();
    directories.sort_by_key(|directory| directory.as_os_str().len());
    let mode = |path: &&Path| path.metadata().map_or(0, |meta| meta.permissions().mode());
    directories.into_iter().find(|path| mode(path) & 0o001 == 0).map(Path::to_owned)
}

/// Says in one line what the plan does not hold in full. Who chose a weaker level knows.
fn tell(plan: &Plan) {
    let holdings = Holdings::of(plan).to_string();
    if plan.level == Level::Full && !holdings.is_empty() {
        let kind = plan.kind.name();
        let _ = writeln!(anstream::stderr(), "bulkhead: {kind} plan; not in full here: {holdings}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_outermost_closed_directory_on_the_way_is_named() {
        let place = tempfile::tempdir().unwrap();
        let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        let (home, bin) = (place.path().join("home"), place.path().join("bin"));
        fs::create_dir_all(home.join("python")).unwrap();
        fs::create_dir(&bin).unwrap();
        fs::write(home.join("python/python3"), "").unwrap();
        symlink(home.join("python/python3"), bin.join("python3")).unwrap();
        for path in [place.path(), &home, &bin, &home.join("python")] {
            open(path, 0o755).unwrap();
        }
        assert_eq!(closed(&bin.join("python3")), None);
        open(&home, 0o700).unwrap();
        open(&home.join("python"), 0o750).unwrap();
        assert_eq!(closed(&bin.join("python3")), Some(home.clone()), "through the link");
        assert_eq!(closed(&home.join("python/python3")), Some(home));
    }
}
