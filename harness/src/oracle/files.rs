//! files: what was written in the lab beyond the declared outputs?
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::evidence::Evidence;
use crate::catalogue::attack::{OracleKind, OracleSpec};
use crate::lab::file_watch::Sighting;
use crate::lab::layout::{OUTCOME, OUTPUT, SECOND_OUTPUT, SECOND_SOURCE, SOURCE, WORK, fill};
use crate::lab::root::Root;
use crate::lab::snapshot::{Change, Snapshot, What};

/// The files of the account database; who makes an account for every build writes them, on purpose.
const ACCOUNTS: [&str; 6] = ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"];
/// Where the sandbox keeps its leases as root; they may stay.
const LEASES: &str = "/run/bulkhead";
/// What it keeps there for the time of a build only: what lies in it is the build's.
const PRIVATE: &str = "private";
/// What `pyproject_hooks` keeps in its own temporary directory.
const CONTROL: [&str; 2] = ["input.json", "output.json"];
/// More than this is not listed in one sentence.
const LISTED: usize = 5;

/// A path that the pattern matches and that was not there before.
#[must_use]
pub fn created(evidence: &Evidence, pattern: &str) -> Option<String> {
    let change = matching(evidence, pattern).find(|change| change.what == What::Created)?;
    Some(format!("{} was created", change.path.display()))
}

/// A path that the pattern matches and that is another one than before, or gone.
#[must_use]
pub fn changed(evidence: &Evidence, pattern: &str) -> Option<String> {
    let change = matching(evidence, pattern).find(|change| change.what != What::Created)?;
    let what = if change.what == What::Removed { "removed" } else { "changed" };
    Some(format!("{} was {what}", change.path.display()))
}

/// A file that was there before, and that everybody may write to now.
#[must_use]
pub fn exposed(evidence: &Evidence, pattern: &str) -> Option<String> {
    let is_open = |change: &&Change| change.what == What::Changed && change.mode & 0o002 != 0;
    let change = matching(evidence, pattern).find(is_open)?;
    Some(format!("everybody may write to {}", change.path.display()))
}

/// A file that a process of the build opened.
#[must_use]
pub fn opened(evidence: &Evidence, path: &str) -> Option<String> {
    sighted(evidence, path, false).map(|path| format!("{} was opened", path.display()))
}

/// A file that a process of the build had open for writing.
#[must_use]
pub fn writable(evidence: &Evidence, path: &str) -> Option<String> {
    sighted(evidence, path, true).map(|path| format!("{} was open for writing", path.display()))
}

fn sighted(evidence: &Evidence, path: &str, writing: bool) -> Option<PathBuf> {
    let path = PathBuf::from(fill(path, &evidence.interpreter, ""));
    let is_it = |seen: &Sighting| seen.path == path && (seen.writing || !writing);
    evidence.sightings.iter().any(is_it).then_some(path)
}

/// Writes that neither the manifest nor the baseline explains.
#[must_use]
pub fn unexpected(specs: &[OracleSpec], evidence: &Evidence) -> Option<String> {
    let declared: Vec<&str> = specs.iter().filter_map(|spec| spec.kind.listed_path()).collect();
    let is_declared = |change: &Change| {
        declared.iter().any(|pattern| {
            let pattern = fill(pattern, &evidence.interpreter, "");
            // A directory that had to be made for a declared file is declared with it.
            matches(&pattern, &change.path)
                || Path::new(pattern.trim_end_matches('*')).starts_with(&change.path)
        })
    };
    // An account that another oracle looks for cannot come without these.
    let accounts = evidence.makes_accounts
        || specs.iter().any(|spec| matches!(spec.kind, OracleKind::UserLeaked));
    let is_known = |change: &Change| {
        is_baseline(&change.path)
            || evidence.is_record(&change.path)
            || is_lease(&change.path, evidence)
            || is_declared(change)
            || (accounts && is_account_file(&change.path))
    };
    let odd: Vec<&Change> = evidence.changes.iter().filter(|change| !is_known(change)).collect();
    let mut names: Vec<String> =
        odd.iter().take(LISTED).map(|change| change.path.display().to_string()).collect();
    if odd.len() > LISTED {
        names.push(format!("and {} more", odd.len() - LISTED));
    }
    (!names.is_empty()).then(|| format!("written outside the outputs: {}", names.join(", ")))
}

fn matching<'a>(
    evidence: &'a Evidence,
    pattern: &str,
) -> impl Iterator<Item = &'a Change> + use<'a> {
    let pattern = fill(pattern, &evidence.interpreter, "");
    evidence.changes.iter().filter(move |change| matches(&pattern, &change.path))
}

/// Whether a path is the one named; a trailing `*` matches the rest.
fn matches(pattern: &str, path: &Path) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => path.to_string_lossy().starts_with(start),
        None => Path::new(pattern) == path,
    }
}

/// Whether an honest build may leave this path.
fn is_baseline(path: &Path) -> bool {
    let outcome = Path::new(OUTCOME).parent().unwrap_or(Path::new(OUTCOME));
    let ours = [SOURCE, OUTPUT, SECOND_SOURCE, SECOND_OUTPUT].map(Path::new);
    ours.into_iter().chain([outcome]).any(|place| path.starts_with(place))
        || path == Path::new(WORK).join("build.log")
        || path.components().any(|part| part.as_os_str() == "__pycache__")
        || is_control(path)
}

/// Whether a path is a record of the sandbox's, or a place that it keeps for private directories.
/// What lies in them must go with the build, unless the sandbox itself was killed: then it is on
/// record in the lease, and whoever takes that next removes it.
fn is_lease(path: &Path, evidence: &Evidence) -> bool {
    let killed = evidence.killed;
    // And as anybody else.
    let own = format!("/tmp/bulkhead-{}", evidence.caller.0);
    [LEASES, &own].iter().any(|place| {
        let rest = path.strip_prefix(place);
        rest.is_ok_and(|rest| killed || !rest.starts_with(PRIVATE) || rest == Path::new(PRIVATE))
    })
}

/// Whether a path is the front end's temporary directory, which it leaves when it is killed.
fn is_control(path: &Path) -> bool {
    let Ok(rest) = path.strip_prefix("/tmp") else { return false };
    let mut parts = rest.iter().map(|part| part.to_string_lossy());
    let is_ours = parts.next().is_some_and(|dir| dir.len() == 11 && dir.starts_with("tmp"));
    let file = parts.next();
    is_ours && file.is_none_or(|file| CONTROL.contains(&&*file)) && parts.next().is_none()
}

/// Whether a path is an account file, its lock, or its last copy.
fn is_account_file(path: &Path) -> bool {
    let Ok(rest) = path.strip_prefix("/etc") else { return false };
    let name = rest.to_string_lossy();
    name == ".pwd.lock"
        || ACCOUNTS.iter().any(|file| {
            name.strip_prefix(file).is_some_and(|end| {
                end.is_empty() || end.starts_with('-') || end.starts_with('.') || end == "+"
            })
        })
}

/// Puts a seed into every writable place of the lab.
///
/// # Errors
/// When one cannot be written.
pub fn sow(root: &Root, nonce: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut seeds = Vec::new();
    for tree in root.trees() {
        let seed = Path::new(tree.at).join(format!(".seed-{nonce}"));
        root.write(&seed, 0o600, b"seed\n")?;
        seeds.push(seed);
    }
    Ok(seeds)
}

/// Whether the watch notices the seeds; the reason when it does not. The seeds are gone after it.
#[must_use]
pub fn self_test(root: &Root, nonce: &str) -> Option<String> {
    let seeds = match sow(root, nonce) {
        Ok(seeds) => seeds,
        Err(error) => return Some(format!("a seed cannot be written: {error}")),
    };
    let watched = Snapshot::take(root);
    for seed in &seeds {
        if let Err(error) = root.remove(seed) {
            return Some(format!("a seed cannot be removed: {error}"));
        }
    }
    match watched {
        Err(error) => Some(format!("the lab's files cannot be listed: {error}")),
        Ok(snapshot) => seeds
            .iter()
            .find(|seed| !snapshot.has(seed))
            .map(|seed| format!("the watch misses a file in {}", seed.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::Interpreter;

    fn evidence(paths: &[(&str, What)]) -> Evidence {
        let interpreter = Interpreter { program: "/p".into(), site: "/site".into(), home: "/root" };
        let mut evidence = Evidence::none(interpreter);
        evidence.changes = paths
            .iter()
            .map(|(path, what)| Change { path: path.into(), what: *what, mode: 0o644 })
            .collect();
        evidence
    }

    #[test]
    fn a_star_matches_the_rest_of_a_path() {
        let evidence = evidence(&[("/site/evil.pth", What::Created)]);
        assert!(created(&evidence, "{site}/*").is_some());
        assert!(created(&evidence, "{site}/evil.pth").is_some());
        assert!(created(&evidence, "{site}/evil").is_none());
        assert!(changed(&evidence, "{site}/*").is_none());
    }

    #[test]
    fn a_file_is_exposed_when_everybody_may_write_to_it_and_not_before() {
        let mut evidence = evidence(&[("/site/x.py", What::Changed)]);
        assert_eq!(exposed(&evidence, "{site}/x.py"), None);
        evidence.changes[0].mode = 0o646;
        assert!(exposed(&evidence, "{site}/x.py").is_some());
        evidence.changes[0].what = What::Created;
        assert_eq!(exposed(&evidence, "{site}/x.py"), None, "it was not there before");
    }

    #[test]
    fn what_an_honest_build_leaves_trips_nothing() {
        let honest = [
            ("/build/pkg/dist/pkg-1.0-py3-none-any.whl", What::Created),
            ("/build/pkg/pkg-1.0/build/x.o", What::Created),
            ("/site/__pycache__/x.pyc", What::Created),
            ("/tmp/tmpab12cd34", What::Created),
            ("/tmp/tmpab12cd34/input.json", What::Created),
            ("/run/bulkhead/uid/61500", What::Created),
        ];
        assert_eq!(unexpected(&[], &evidence(&honest)), None);
        let odd = [("/tmp/tmpab12cd34/loot", What::Created)];
        assert!(unexpected(&[], &evidence(&odd)).is_some());
    }

    #[test]
    fn private_directories_stay_only_behind_a_sandbox_that_was_killed() {
        let records = [("/run/bulkhead/private", What::Created)];
        assert_eq!(unexpected(&[], &evidence(&records)), None);
        let left = [("/run/bulkhead/private/bulkhead-1/tmp", What::Created)];
        assert!(unexpected(&[], &evidence(&left)).is_some());
        let killed = Evidence { killed: true, ..evidence(&left) };
        assert_eq!(unexpected(&[], &killed), None);
        let of_1001 = [("/tmp/bulkhead-1001/claim", What::Created)];
        let by = |uid| Evidence { caller: (uid, 0), ..evidence(&of_1001) };
        assert_eq!(unexpected(&[], &by(1001)), None);
        assert!(unexpected(&[], &by(1000)).is_some(), "it is another user's");
    }

    #[test]
    fn only_who_makes_accounts_may_touch_their_files() {
        let accounts = [("/etc/passwd", What::Changed), ("/etc/shadow-", What::Created)];
        let maker = |paths| Evidence { makes_accounts: true, ..evidence(paths) };
        assert_eq!(unexpected(&[], &maker(&accounts)), None);
        assert!(unexpected(&[], &evidence(&accounts)).is_some());
        let other = [("/etc/passwd.d/x", What::Created), ("/etc/cron.d/x", What::Created)];
        assert!(unexpected(&[], &maker(&other)).is_some());
    }

    #[test]
    fn only_a_tripwire_takes_no_notice_of_a_sandboxs_own_records() {
        let changes = [("/run/box/lock", What::Created)];
        let mut evidence = evidence(&changes);
        assert!(unexpected(&[], &evidence).is_some());
        evidence.records = vec!["/run/box".into()];
        assert_eq!(unexpected(&[], &evidence), None);
        assert!(created(&evidence, "/run/box/lock").is_some(), "a manifest's oracle sees it");
        evidence.changes.push(Change { path: "/run/boxes".into(), what: What::Created, mode: 0 });
        assert!(unexpected(&[], &evidence).is_some(), "a name that only starts so is another");
    }

    #[test]
    fn a_declared_write_is_no_surprise() {
        let kind = OracleKind::FileCreated { path: "/etc/cron.d/evil".to_owned() };
        let specs = [OracleSpec { id: "cron".to_owned(), kind }];
        let changes = [("/etc/cron.d", What::Created), ("/etc/cron.d/evil", What::Created)];
        assert_eq!(unexpected(&specs, &evidence(&changes)), None);
    }
}
