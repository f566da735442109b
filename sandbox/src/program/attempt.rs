//! From a policy to a finished launch, with a second plan where the first was too hopeful.
#![forbid(unsafe_code)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::demand::Demand;
use super::error::Failure;
use super::settle::settle;
use crate::host::Host;
use crate::launch::{self, Beginning, Client, Finished, LaunchError, rehearsal};
use crate::layers::mounts::Base;
use crate::payload::Payload;
use crate::plain::say;
use crate::plan::holdings::Holdings;
use crate::plan::{Plan, Refusal};
use crate::policy::levels::Level;
use crate::policy::limits::{self, amounts::Span};
use crate::policy::{IdentityChoice, Policy};
use crate::step::Step;

/// Whoever has called with a command line. Before the payload runs he is told what the plan does not hold
/// in full; `started` is done once it is let through, for nothing that it prints is handed on before.
pub(super) fn client<'a>(
    beginning: &'a Beginning,
    demand: &Demand,
    started: &'a dyn Fn(&Plan),
) -> Result<Client<'a>, Failure> {
    if demand.why && demand.policy.level == Level::None {
        let text = "at the level `none` there is no sandbox, so that `--why` has nothing to tell";
        return Err(Failure::Usage(text.to_owned()));
    }
    let client = Client::told_before(&tell).starting(started).following(demand.why);
    Ok(client.hearing(&|sentence| say(sentence)).since(beginning))
}

/// Plans and runs what is demanded, for `client`: the first plan, and the next one where the host refuses
/// it. Time counts from when the call began, as the client knows it.
pub(super) fn run(
    policy: &Policy,
    program: &Path,
    payload: &Payload,
    client: &Client<'_>,
) -> Result<(Plan, Finished), Failure> {
    let settled = settle(policy, payload)?;
    let (policy, payload) = (&settled.policy, &settled.payload);
    let until = match policy.limits.timeout {
        limits::Demand::Exactly(Span(time)) => {
            client.beginning().and_then(|it| it.at().checked_add(time))
        }
        limits::Demand::Default | limits::Demand::Unlimited => None,
    };
    let mut host = Host::glance();
    loop {
        let seen = host.clone().anew().looking_at(policy, payload, until);
        let (error, doubtful) = match Plan::resolve(policy, program, payload, &seen) {
            Ok(plan) => match launch::run(&plan, client) {
                Ok(finished) => return Ok((plan, finished)),
                // Nothing spoke against it, and it was refused all the same, by the host or not.
                Err(error) => {
                    let doubtful = error.may_be_the_hosts();
                    (explained(&plan, error), doubtful)
                }
            },
            // What is missing may be more than can be seen at a glance.
            Err(refusal @ Refusal::NotHeld(_)) => (refusal.into(), true),
            Err(refusal) => return Err(refusal.into()),
        };
        // A launch of nothing tells; if that finds nothing new, the error stands.
        match if doubtful { rehearsal::learn(policy, &host)? } else { None } {
            Some(wiser) => host = wiser,
            None => return Err(error),
        }
    }
}

/// What is mounted for a user of the build's own is shown as his, unless its file system cannot do that.
/// Where nothing is mounted for it a user of the build's own comes to its program, to what it is
/// given and to its working directory by itself or not at all: then what is closed to it is named.
fn explained(plan: &Plan, error: LaunchError) -> Failure {
    let other = error.out_of_reach().filter(|_| plan.identity != IdentityChoice::Caller);
    let Some(path) = other else { return error.into() };
    if plan.mounts.as_ref().is_some_and(|files| files.base == Base::Empty) {
        let given = error.step() == Step::ReachNeeds;
        return if given { Failure::Unshown { error } } else { error.into() };
    }
    match closed(path) {
        Some((path, mode)) => Failure::Unreachable { error, path, mode },
        None => error.into(),
    }
}

/// The outermost directory on the way to `path`, and to what it is a link to, that only its owner or
/// group may enter, or else the path if only they may use it; and what `chmod(1)` calls the lack.
fn closed(path: &Path) -> Option<(PathBuf, &'static str)> {
    let target = std::fs::canonicalize(path).ok();
    let ways = [Some(path), target.as_deref()].into_iter().flatten();
    let mut directories: Vec<_> = ways.flat_map(|way| way.ancestors().skip(1)).collect();
    directories.sort_by_key(|directory| directory.as_os_str().len());
    let mode = |path: &Path| path.metadata().map_or(0, |meta| meta.permissions().mode());
    if let Some(directory) = directories.into_iter().find(|path| mode(path) & 0o001 == 0) {
        return Some((directory.to_owned(), "o+x"));
    }
    // A directory is entered too, and a program is executed.
    let whole = path.is_dir() || mode(path) & 0o111 != 0;
    let (wanted, name) = if whole { (0o005, "o+rx") } else { (0o004, "o+r") };
    (mode(path) & wanted != wanted).then(|| (path.to_owned(), name))
}

/// Says in one line what the plan does not hold in full. Who chose a weaker level knows.
fn tell(plan: &Plan) {
    let holdings = Holdings::of(plan).to_string();
    if plan.level == Level::Full && !holdings.is_empty() {
        let kind = plan.kind.name();
        say(format_args!("{kind} plan; not in full here: {holdings}"));
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_closed_on_the_way_is_named_the_outermost_first() {
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
        let program = home.join("python/python3");
        open(&program, 0o644).unwrap();
        assert_eq!(closed(&bin.join("python3")), None);
        for (path, mode, lack) in [
            (&program, 0o640, "o+r"),
            (&program, 0o750, "o+rx"),
            (&program, 0o711, "o+rx"),
            (&bin, 0o750, "o+x"),
        ] {
            let before = path.metadata().unwrap().permissions();
            open(path, mode).unwrap();
            assert_eq!(closed(&bin.join("python3")).map(|found| found.1), Some(lack), "{mode:o}");
            fs::set_permissions(path, before).unwrap();
        }
        open(&bin, 0o711).unwrap();
        assert_eq!(closed(&bin), Some((bin.clone(), "o+rx")), "a directory is listed as well");
        open(&home, 0o700).unwrap();
        open(&home.join("python"), 0o750).unwrap();
        let found = Some((home.clone(), "o+x"));
        assert_eq!(closed(&bin.join("python3")), found, "through the link");
        assert_eq!(closed(&program), found);
    }
}
