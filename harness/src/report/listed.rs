//! An entry of the catalogue in the form in which it is printed.
#![forbid(unsafe_code)]

use sandbox::Level;

use super::schema::{At, Listed, Named};
use crate::catalogue::attack::{Attack, Purpose};
use crate::catalogue::spelling::Spelt;

impl Listed {
    /// The entry as it is printed.
    #[must_use]
    pub fn of(attack: &Attack) -> Self {
        let severity = match attack.purpose {
            Purpose::Attack { severity, .. } => Some(severity.spelt()),
            Purpose::Benign => None,
        };
        let tags = attack.techniques.iter().chain(&attack.weaknesses).chain(&attack.rows);
        let expected = |level: Level| (At(level), attack.expected(level, level.layers()).name());
        let plants = attack.plants.iter();
        let oracles = attack.oracles.iter();
        Self {
            id: attack.id.0.clone(),
            title: attack.title.clone(),
            summary: attack.summary.clone(),
            severity,
            stopped_by: attack.stopped_by().iter().map(Spelt::spelt).collect(),
            hooks: attack.run.hooks.iter().copied().map(Spelt::spelt).collect(),
            timeout_ms: attack.run.timeout.as_millis(),
            marks: attack.run.marks.clone(),
            needs: attack.requires.iter().copied().map(Spelt::spelt).collect(),
            plants: plants.map(|one| Named { id: one.id.clone(), kind: one.kind.name() }).collect(),
            oracles: oracles
                .map(|one| Named { id: one.id.clone(), kind: one.kind.name() })
                .collect(),
            expected: Level::ALL.into_iter().map(expected).collect(),
            tags: tags.cloned().collect(),
            fixture: attack.fixture.clone(),
        }
    }
}
