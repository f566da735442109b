//! Which trials a change can affect: the folder of an attack is its own affair, the program's is
//! everybody's.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::{Component, Path};

use crate::catalogue::attack::{Attack, ControlAt};

/// What lies at the top of a checkout and has a say in every trial.
const EVERYTHING: [&str; 5] =
    ["sandbox", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "harness/Cargo.toml"];

/// The parts of the harness that have no say in a trial: they speak of it afterwards.
const AFTERWARDS: [&str; 2] = ["harness/src/cli", "harness/src/report"];

/// Where other sandboxes are described, each in a folder of its own.
const TARGETS: &str = "harness/targets";

/// What is affected by the changes since a base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// The base, as it was named.
    pub base: String,
    /// How many files have changed.
    pub changes: usize,
    /// A file that has a say in every trial, if one has changed.
    pub everything: Option<String>,
    /// The targets whose description has changed: every attack on them is affected.
    pub targets: BTreeSet<String>,
    /// The entries whose folder has changed, by id.
    pub entries: BTreeSet<String>,
    /// The entries that a committed report now tells something else of: host, target, id.
    pub told: BTreeSet<(String, String, String)>,
}

impl Affected {
    /// What follows from changed files of a checkout, named from its top.
    #[must_use]
    pub fn by<'a>(base: &str, paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut affected = Self { base: base.to_owned(), ..Self::default() };
        for path in paths {
            affected.changes += 1;
            affected.count(path);
        }
        affected
    }

    fn count(&mut self, path: &Path) {
        if let Ok(below) = path.strip_prefix("attacks") {
            self.entries.extend(entry(below));
        } else if let Ok(below) = path.strip_prefix(TARGETS) {
            let name = below.components().next();
            self.targets.extend(name.map(|name| name.as_os_str().to_string_lossy().into_owned()));
        } else if has_a_say(path) {
            self.everything.get_or_insert_with(|| path.display().to_string());
        }
    }

    /// Whether an entry is affected on a host of a target.
    #[must_use]
    pub fn finds(&self, attack: &Attack, host: &str, target: &str) -> bool {
        let id = &attack.id.0;
        let control = match attack.control() {
            ControlAt::Target(other) => self.targets.contains(other),
            ControlAt::Level(_) => false,
        };
        self.everything.is_some()
            || control
            || self.targets.contains(target)
            || self.entries.contains(id)
            || self.told.contains(&(host.to_owned(), target.to_owned(), id.clone()))
    }

    /// Whether a file of the committed reports is a report, and of what: host and target.
    #[must_use]
    pub fn report(path: &Path) -> Option<(String, String)> {
        let mut parts = path.strip_prefix("reports").ok()?.components();
        let (Some(Component::Normal(host)), Some(Component::Normal(file)), None) =
            (parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let target = file.to_str()?.strip_suffix(".json")?;
        let is_report = !target.contains('.');
        is_report.then(|| (host.to_string_lossy().into_owned(), target.to_owned()))
    }
}

/// The id of the entry that a file below a folder of attacks belongs to.
pub(crate) fn entry(path: &Path) -> Option<String> {
    let parts: Vec<_> = path.iter().take(3).map(|part| part.to_string_lossy()).collect();
    match parts.as_slice() {
        [guarantee, slug, _] => Some(format!("{guarantee}/{slug}")),
        _ => None,
    }
}

fn has_a_say(path: &Path) -> bool {
    let below = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    let harness = path.starts_with("harness/src") || path.starts_with("harness/kit");
    below(&EVERYTHING) || (harness && !below(&AFTERWARDS))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use sandbox::{Guarantee, LayerSet};

    use super::*;
    use crate::catalogue::attack::{Purpose, Severity};

    fn attack(id: &str) -> Attack {
        let purpose = Purpose::Attack {
            guarantee: Guarantee::Files,
            severity: Severity::High,
            stopped_by: LayerSet::ALL,
        };
        Attack::bare(id, purpose, &["m"])
    }

    #[rstest]
    #[case::own_folder("attacks/files/cron/backend.py", true, true)]
    #[case::deep_in_own_folder("attacks/files/cron/src/a/b.c", true, true)]
    #[case::another_folder("attacks/files/pth/backend.py", false, false)]
    #[case::a_name_that_begins_alike("attacks/files/cron-entry/backend.py", false, false)]
    #[case::no_entry("attacks/README.md", false, false)]
    #[case::kit("harness/kit/kit.py", true, true)]
    #[case::lab("harness/src/lab/root.rs", true, true)]
    #[case::sandbox("sandbox/src/stage.rs", true, true)]
    #[case::dependencies("Cargo.lock", true, true)]
    #[case::views("harness/src/report/html.rs", false, false)]
    #[case::command_line("harness/src/cli/run.rs", false, false)]
    #[case::documents("docs/architecture.md", false, false)]
    #[case::tests("tests/cli/run.rs", false, false)]
    #[case::the_target("harness/targets/own/gaps.toml", true, false)]
    #[case::another_target("harness/targets/bubblewrap/target.toml", false, true)]
    fn a_change_affects(#[case] path: &str, #[case] own: bool, #[case] bubblewrap: bool) {
        let affected = Affected::by("main", [Path::new(path)]);
        let found = |target| affected.finds(&attack("files/cron"), "root", target);
        assert_eq!((found("own"), found("bubblewrap")), (own, bubblewrap), "{affected:?}");
    }

    #[test]
    fn a_sandbox_that_is_the_control_of_an_attack_affects_that_attack_everywhere() {
        let path = Path::new("harness/targets/box/target.toml");
        let (affected, mut attack) = (Affected::by("main", [path]), attack("files/cron"));
        assert!(!affected.finds(&attack, "root", "own"));
        attack.run.control = Some("box".to_owned());
        assert!(affected.finds(&attack, "root", "own"));
    }

    #[test]
    fn a_report_that_tells_something_else_of_an_entry_affects_its_cells_alone() {
        let mut affected = Affected::default();
        affected.told.insert(("root".into(), "own".into(), "files/cron".into()));
        assert!(affected.finds(&attack("files/cron"), "root", "own"));
        assert!(!affected.finds(&attack("files/cron"), "user", "own"));
        assert!(!affected.finds(&attack("files/pth"), "root", "own"));
    }

    #[test]
    fn reports_are_told_from_what_lies_beside_them() {
        let of = |path: &str| Affected::report(Path::new(path));
        assert_eq!(of("reports/root/own.json"), Some(("root".into(), "own".into())));
        for other in ["reports/root/own.ablation.json", "reports/MATRIX.md", "root/own.json"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
