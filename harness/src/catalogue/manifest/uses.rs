//! Whether the tables of a manifest name each other rightly, and whether every plant is for something.
#![forbid(unsafe_code)]

use super::oracle::Oracle;
use super::run::Run;
use super::table::At;
use crate::catalogue::attack::{Hook, OracleKind, Plant, PlantKind};
use crate::catalogue::diagnostic::{Code, Findings};
use crate::catalogue::spelling::nearest;

/// What can name, and be named.
pub(super) struct Uses<'a> {
    /// The `[run]` table.
    pub(super) run: &'a Run,
    /// The plants.
    pub(super) plants: &'a [At<Plant>],
    /// The oracles.
    pub(super) oracles: &'a [Oracle],
    /// Whether every table of an oracle could be read, and an attack has at least one.
    pub(super) whole: bool,
    /// The text of the back end.
    pub(super) backend: &'a str,
}

impl Uses<'_> {
    /// Reports every name that means nothing, and every plant without a use.
    pub(super) fn check(&self, found: &mut Findings) {
        for id in &self.run.inherit {
            self.plant_exists(id, "`inherit`", found);
        }
        for oracle in self.oracles {
            self.run_has_it(oracle, found);
            if let Some(id) = &oracle.plant {
                self.oracle_fits(oracle, id, found);
            }
        }
        self.interrupt_follows_a_mark(found);
        if !self.whole || self.oracles.iter().any(|oracle| self.is_lost(oracle)) {
            // An oracle with a mistake may be the one that looks at the plant.
            return;
        }
        for plant in self.plants {
            if !self.is_used(&plant.value) {
                let message = format!("nobody looks at the plant `{}`", plant.value.id);
                let help =
                    "let an oracle name it, let the back end use it, or remove it".to_owned();
                found.report(plant.offset, Code::PlantUnused, message, help);
            }
        }
    }

    fn plant_exists(&self, id: &At<String>, by: &str, found: &mut Findings) -> Option<&Plant> {
        let plant = self.plants.iter().map(|plant| &plant.value).find(|plant| plant.id == id.value);
        if plant.is_none() {
            let ids: Vec<_> = self.plants.iter().map(|plant| plant.value.id.as_str()).collect();
            let help = nearest(&id.value, &ids).map_or_else(
                || format!("add a `[[plant]]` with `id = \"{}\"`", id.value),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("{by} names the plant `{}`, which is not there", id.value);
            found.report(id.offset, Code::OnNothing, message, help);
        }
        plant
    }

    fn is_lost(&self, oracle: &Oracle) -> bool {
        let is_it = |id: &At<String>| self.plants.iter().any(|plant| plant.value.id == id.value);
        oracle.plant.as_ref().is_some_and(|id| !is_it(id))
    }

    fn oracle_fits(&self, oracle: &Oracle, id: &At<String>, found: &mut Findings) {
        let name = format!("the oracle `{}`", oracle.spec.id);
        let Some(plant) = self.plant_exists(id, &name, found) else { return };
        let (fits, wanted) = match oracle.spec.kind {
            OracleKind::SocketReached { .. } => (plant.kind.is_listener(), "a listener"),
            OracleKind::VictimSignalled { .. } | OracleKind::VictimDisturbed { .. } => {
                (matches!(plant.kind, PlantKind::Process { .. }), "a process")
            }
            OracleKind::VictimChanged { .. } => (
                matches!(plant.kind, PlantKind::Process { .. } | PlantKind::SysvShm),
                "a process or a shared memory segment",
            ),
            _ => (carries_canary(plant), "a plant that holds a canary"),
        };
        if !fits {
            let message = format!("{name} cannot watch the plant `{}`", id.value);
            found.report(id.offset, Code::OnNothing, message, format!("name {wanted}"));
        }
    }

    /// Reports an oracle that looks at something which `[run]` does not ask for.
    fn run_has_it(&self, oracle: &Oracle, found: &mut Findings) {
        let plan = &self.run.plan;
        let (there, key) = match oracle.spec.kind {
            OracleKind::TerminalInput | OracleKind::TerminalChanged => {
                (plan.terminal, "terminal = true")
            }
            OracleKind::SecondBuildChanged => (plan.second.is_some(), "second = \"after\""),
            OracleKind::HookOutlivedDeadline => {
                (plan.limits.timeout.is_some(), "limits = { timeout = \"2s\" }")
            }
            OracleKind::RequirementReturned { .. } => {
                let returns = |hook: &Hook| {
                    matches!(
                        hook,
                        Hook::GetRequiresForBuildWheel
                            | Hook::GetRequiresForBuildSdist
                            | Hook::GetRequiresForBuildEditable
                    )
                };
                (plan.hooks.iter().any(returns), "hooks = [\"get_requires_for_build_wheel\"]")
            }
            _ => return,
        };
        if !there {
            let message = format!("the oracle `{}` has nothing to look at", oracle.spec.id);
            found.report(
                oracle.offset,
                Code::OnNothing,
                message,
                format!("add `{key}` to `[run]`"),
            );
        }
    }

    fn interrupt_follows_a_mark(&self, found: &mut Findings) {
        let Some(after) = &self.run.after else { return };
        if !self.run.plan.marks.contains(&after.value) {
            let message = format!("`interrupt` waits for the mark `{}`", after.value);
            let help = "name one of `marks`".to_owned();
            found.report(after.offset, Code::OnNothing, message, help);
        }
    }

    /// A plant is for something if an oracle names it or looks at its path, if it is a listener
    /// at which a canary may arrive, if another plant leads to it, if the supervisor holds it, or
    /// if the back end uses it.
    fn is_used(&self, plant: &Plant) -> bool {
        let watched = self.oracles.iter().any(|oracle| {
            oracle.plant.as_ref().is_some_and(|id| id.value == plant.id)
                || watches_path(&oracle.spec.kind, &plant.kind)
                || (matches!(oracle.spec.kind, OracleKind::CanaryReceived { .. })
                    && plant.kind.is_listener())
        });
        let address = format!("{{address.{}}}", plant.id);
        let others = self.plants.iter().map(|other| &other.value).filter(|one| one.id != plant.id);
        let mut templates = others.flat_map(|other| other.kind.templates());
        let place = match &plant.kind {
            PlantKind::File { path, .. } | PlantKind::Link { path, .. } => {
                path.rsplit_once('/').map(|(folder, _)| folder)
            }
            _ => None,
        };
        let leads = |text: &str| {
            text.contains(&address) || place.is_some_and(|folder| text.contains(folder))
        };
        watched
            || templates.any(leads)
            || self.run.plan.inherit.contains(&plant.id)
            || self.backend.contains(&format!("\"{}\"", plant.id))
            || self.backend.contains(&format!("'{}'", plant.id))
            || matches!(&plant.kind, PlantKind::Variable { name, .. } if self.backend.contains(name))
    }
}

fn watches_path(oracle: &OracleKind, plant: &PlantKind) -> bool {
    let Some(watched) = oracle.listed_path().or_else(|| oracle.watched_path()) else {
        return false;
    };
    match plant {
        PlantKind::File { path, .. } | PlantKind::UnixListener { path, .. } => watched == path,
        PlantKind::Directory { path, .. } => watched
            .strip_prefix(path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || path.ends_with('/')),
        _ => false,
    }
}

/// Whether an oracle can look for a canary of the plant: one in what it answers, or in itself.
fn carries_canary(plant: &Plant) -> bool {
    plant
        .answer
        .as_ref()
        .map_or_else(|| plant.kind.holds_canary(), |answer| answer.text.contains("{canary}"))
}
