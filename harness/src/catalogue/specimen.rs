//! Entries for tests that need no files.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::attack::{Attack, AttackId, Hook, Purpose, RunPlan};
use super::tree::Tree;

impl Attack {
    /// An entry without plants and oracles, for tests.
    pub(crate) fn bare(id: &str, purpose: Purpose, marks: &[&str]) -> Self {
        Self {
            id: AttackId(id.to_owned()),
            dir: PathBuf::new(),
            title: format!("the title of {id}"),
            summary: String::new(),
            purpose,
            techniques: Vec::new(),
            weaknesses: Vec::new(),
            rows: Vec::new(),
            run: RunPlan {
                hooks: vec![Hook::BuildWheel],
                timeout: Duration::from_secs(1),
                marks: marks.iter().map(|mark| (*mark).to_owned()).collect(),
                ..RunPlan::default()
            },
            requires: Vec::new(),
            plants: Vec::new(),
            oracles: Vec::new(),
            expect: BTreeMap::new(),
            references: Vec::new(),
            fixture: "sha256:000000000000".to_owned(),
            tree: Tree::new(),
        }
    }
}
