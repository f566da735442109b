//! Which attack is tried on which target at which level.
#![forbid(unsafe_code)]

pub mod ablation;
pub mod affected;
pub mod filter;

use std::collections::{BTreeMap, BTreeSet};
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Arc;

use sandbox::plain::plural;
use sandbox::policy::IdentityChoice;
use sandbox::{LayerSet, Level};

use crate::catalogue::Catalogue;
use crate::catalogue::attack::{Attack, ControlAt, Expected};
use crate::recipe::Recipe;
use affected::Affected;
use filter::{Filter, Known, View};

/// One cell of the matrix: an attack, or a benign build, at one level of one target.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What is tried.
    pub attack: Arc<Attack>,
    /// The sandbox on trial: `own`.
    pub target: String,
    /// The level at which it is tried.
    pub level: Level,
    /// The lab profile: `root`.
    pub host: String,
    /// How the sandbox is started at that level.
    pub sandbox: Sandbox,
}

impl Trial {
    /// Whether the sandbox makes an account for every build: the level that is made for it does,
    /// and so does any other that is told to.
    #[must_use]
    pub fn makes_accounts(&self) -> bool {
        let told =
            matches!(self.sandbox, Sandbox::Own { identity: Some(IdentityChoice::Useradd), .. });
        told || self.level == Level::Proposal
    }
}

/// How a sandbox is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// Our own, at the level of the trial; at the level `none` nothing is started.
    Own {
        /// The layers that are switched off.
        without: LayerSet,
        /// Who the build is, where that is not what the level says.
        identity: Option<IdentityChoice>,
        /// Whether it tells afterwards what it refused the build (`--why`).
        why: bool,
    },
    /// One that is a command.
    Command(Arc<Recipe>),
}

impl Sandbox {
    /// Our own, with all layers of the level.
    pub const OWN: Self = Self::Own { without: LayerSet::EMPTY, identity: None, why: false };
}

/// A trial, and what a correct sandbox shows in it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The trial.
    pub trial: Trial,
    /// What is expected; a cell that is expected not to be run is listed, but not tried.
    pub expected: Expected,
    /// It is what was asked for, not brought along as a control.
    pub asked: bool,
}

impl Cell {
    /// Whether it is a control that another sandbox shows, which is not on trial itself.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.trial.attack.control(), ControlAt::Target(target)
            if !self.asked && target == self.trial.target)
    }
}

/// A sandbox, and the levels of it that are put on trial on one host.
#[derive(Clone, Debug)]
pub struct Contender {
    /// Its name.
    pub name: String,
    /// The lab profile.
    pub host: String,
    /// The levels that were chosen.
    pub levels: BTreeSet<Level>,
    /// The layers that our own sandbox enforces at a level on that host.
    pub layers: fn(Level) -> LayerSet,
    /// How it is started.
    pub sandbox: Sandbox,
}

impl Contender {
    /// How the sandbox is started at `level`. A sandbox that is a command has one way of being
    /// started; at any other level stands the control of an attack, which is ours.
    fn at(&self, level: Level) -> Sandbox {
        match &self.sandbox {
            Sandbox::Command(recipe) if recipe.level != level => Sandbox::OWN,
            sandbox => sandbox.clone(),
        }
    }

    /// What is expected of `attack` at `level`.
    fn expected(&self, attack: &Attack, level: Level) -> Expected {
        let Sandbox::Command(recipe) = &self.sandbox else {
            // Of the strongest level everything is expected, whatever the host lacks for it: what gets
            // through there is a gap on record, or news.
            let layers = if level == Level::Full { LayerSet::ALL } else { (self.layers)(level) };
            return attack.expected(level, layers);
        };
        match attack.control() {
            ControlAt::Target(target) if target == recipe.name => return Expected::Escaped,
            ControlAt::Level(control) if control == recipe.level => {}
            _ if attack.is_made_by_isolation() => return Expected::NotRun,
            _ => {}
        }
        let layers = if recipe.level == level { recipe.layers } else { (self.layers)(level) };
        attack.expected(level, layers)
    }
}

/// What of the catalogue is wanted.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only what this finds; the control and the honest builds are brought along.
    pub filter: Option<Filter>,
    /// What the expression may ask of beside the manifests.
    pub known: Known,
    /// Only what changes can affect.
    pub affected: Option<Affected>,
    /// Only this share of the attacks.
    pub slice: Option<Slice>,
}

impl Selection {
    /// What finds one entry alone.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self { filter: Some(Filter::of_id(id)), ..Self::default() }
    }

    /// Whether it leaves nothing out.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.filter.is_none() && self.affected.is_none() && self.slice.is_none()
    }

    /// Why it finds none of so many entries.
    fn nothing(&self, looked_at: usize) -> NothingSelected {
        match (&self.affected, &self.filter) {
            (Some(affected), _) => NothingSelected::Unaffected {
                base: affected.base.clone(),
                changes: match affected.changes {
                    1 => "1 file has".to_owned(),
                    count => plural(count, "file") + " have",
                },
            },
            (None, filter) => NothingSelected::Filter {
                expression: filter.as_ref().map(Filter::to_string).unwrap_or_default(),
                looked_at,
            },
        }
    }

    /// Whether the entry is wanted of this contender; shares aside.
    fn finds(&self, attack: &Attack, contender: &Contender) -> bool {
        let (target, host) = (contender.name.as_str(), contender.host.as_str());
        let view = View { place: Some((target, host)), known: &self.known };
        self.filter.as_ref().is_none_or(|filter| filter.finds(attack, &view))
            && self.affected.as_ref().is_none_or(|it| it.finds(attack, host, target))
    }
}

/// A share of the attacks, as `slice:1/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Which share, from one.
    pub which: usize,
    /// How many there are.
    pub of: usize,
}

/// A partition that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SliceError {
    /// It has not the form.
    #[error("a partition is written as `slice:1/3`")]
    Form,
    /// What should be a number is none.
    #[error("a partition is written as `slice:1/3`")]
    Number(#[from] ParseIntError),
    /// There is no such share.
    #[error("there is no share {which} of {of}; shares are counted from 1")]
    Range {
        /// Which was asked for.
        which: usize,
        /// How many there are.
        of: usize,
    },
}

impl FromStr for Slice {
    type Err = SliceError;

    fn from_str(text: &str) -> Result<Self, SliceError> {
        let share = text.strip_prefix("slice:").ok_or(SliceError::Form)?;
        let (which, of) = share.split_once('/').ok_or(SliceError::Form)?;
        let (which, of) = (which.parse()?, of.parse()?);
        if (1..=of).contains(&which) {
            Ok(Self { which, of })
        } else {
            Err(SliceError::Range { which, of })
        }
    }
}

/// How many of both kinds.
#[must_use]
pub fn entries(count: usize) -> String {
    match count {
        1 => "1 attack or honest build".to_owned(),
        count => format!("{} and honest builds", plural(count, "attack")),
    }
}

/// Nothing would be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingSelected {
    /// The catalogue is empty.
    #[error("the catalogue has no attack and no honest build")]
    EmptyCatalogue,
    /// The expression finds nothing.
    #[error("none of {} is found by `{expression}`", entries(*.looked_at))]
    Filter {
        /// The expression.
        expression: String,
        /// How many there are.
        looked_at: usize,
    },
    /// No change since a base has a say in what was asked for.
    #[error(
        "{changes} changed since {base}, and none of them can affect what was asked for; the \
         folder of an attack is that attack's, harness, kit and sandbox are everybody's, \
         documents, tests and views are nobody's"
    )]
    Unaffected {
        /// The base.
        base: String,
        /// How many files have changed, in words.
        changes: String,
    },
    /// The share is empty.
    #[error("the catalogue has only {}, so share {} of {} is empty", plural(.attacks, "attack"), .slice.which, .slice.of)]
    Slice {
        /// The share.
        slice: Slice,
        /// How many attacks there are.
        attacks: usize,
    },
    /// What is found runs at other levels.
    #[error("what was selected runs only at other levels: {}", .attacks.join(", "))]
    Levels {
        /// What was found, and where it runs.
        attacks: Vec<String>,
    },
}

/// Every trial of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// The cells, sorted by target, entry and level.
    pub cells: Vec<Cell>,
}

impl Schedule {
    /// The cells of all contenders for what is selected, the control of every attack, and every
    /// honest build at every chosen level.
    ///
    /// # Errors
    /// When there is nothing to try: why.
    pub fn of(
        catalogue: &Catalogue,
        contenders: &[Contender],
        selection: &Selection,
    ) -> Result<Self, NothingSelected> {
        let entries = selected(catalogue, contenders, selection)?;
        let wants = |contender: &Contender, entry: &Attack| {
            entry.is_benign() || selection.finds(entry, contender)
        };
        let cells: Vec<_> = contenders
            .iter()
            .flat_map(|contender| {
                let wanted = entries.iter().filter(|entry| wants(contender, entry));
                wanted.flat_map(|entry| cells(contender, entry))
            })
            .collect();
        let wanted = |cell: &&Cell| {
            cell.asked
                && cell.expected != Expected::NotRun
                && !(cell.trial.attack.is_benign() && entries.iter().any(|one| !one.is_benign()))
        };
        if cells.iter().any(|cell| wanted(&cell)) {
            return Ok(Self { cells });
        }
        let attacks = entries.iter().filter(|entry| !entry.is_benign()).map(|entry| {
            let levels: Vec<_> = entry.run.levels.iter().map(|level| level.name()).collect();
            format!("{} at {}", entry.id, levels.join(" and "))
        });
        Err(NothingSelected::Levels { attacks: attacks.collect() })
    }

    /// The same with the controls that another sandbox has to show, one for each attack and host,
    /// where that sandbox is not on trial itself.
    #[must_use]
    pub fn with_controls(mut self, recipes: &BTreeMap<String, Arc<Recipe>>) -> Self {
        let missing = |cell: &Cell| {
            let ControlAt::Target(target) = cell.trial.attack.control() else { return None };
            let recipe = recipes.get(target).filter(|_| cell.expected != Expected::NotRun)?;
            let trial = Trial {
                target: target.to_owned(),
                level: recipe.level,
                sandbox: Sandbox::Command(Arc::clone(recipe)),
                ..cell.trial.clone()
            };
            Some(Cell { trial, expected: Expected::Escaped, asked: false })
        };
        for control in self.cells.iter().filter_map(missing).collect::<Vec<_>>() {
            let is_it = |cell: &Cell| {
                let (one, two) = (&cell.trial, &control.trial);
                (&one.attack.id, &one.target, &one.host) == (&two.attack.id, &two.target, &two.host)
            };
            if !self.cells.iter().any(is_it) {
                self.cells.push(control);
            }
        }
        self
    }

    /// The cells that are tried.
    pub fn trials(&self) -> impl Iterator<Item = &Trial> {
        let tried = self.cells.iter().filter(|cell| cell.expected != Expected::NotRun);
        tried.map(|cell| &cell.trial)
    }
}

/// What is tried of some contender, and the honest builds.
fn selected(
    catalogue: &Catalogue,
    contenders: &[Contender],
    selection: &Selection,
) -> Result<Vec<Arc<Attack>>, NothingSelected> {
    let looked_at = catalogue.entries().count();
    if looked_at == 0 {
        return Err(NothingSelected::EmptyCatalogue);
    }
    let mut found: Vec<_> = catalogue.entries().cloned().collect();
    found.retain(|attack| contenders.iter().any(|one| selection.finds(attack, one)));
    if found.is_empty() {
        return Err(selection.nothing(looked_at));
    }
    found.retain(|attack| !attack.is_benign());
    if let Some(slice) = selection.slice {
        let attacks = found.len();
        let mut index = 0..;
        found.retain(|_| index.next().is_some_and(|index| index % slice.of == slice.which - 1));
        if found.is_empty() {
            return Err(NothingSelected::Slice { slice, attacks });
        }
    }
    found.extend(catalogue.entries().filter(|attack| attack.is_benign()).cloned());
    found.sort_by(|one, two| one.id.cmp(&two.id));
    Ok(found)
}

fn cells(contender: &Contender, attack: &Arc<Attack>) -> Vec<Cell> {
    let chosen = |level| contender.levels.contains(&level);
    let control = attack.control();
    let needs_control =
        !attack.is_benign() && contender.levels.iter().any(|level| attack.runs_at(*level));
    let wanted =
        |level: &Level| chosen(*level) || (needs_control && control == ControlAt::Level(*level));
    let cell = |level| Cell {
        trial: Trial {
            attack: Arc::clone(attack),
            target: contender.name.clone(),
            level,
            host: contender.host.clone(),
            sandbox: contender.at(level),
        },
        expected: contender.expected(attack, level),
        asked: chosen(level),
    };
    Level::ALL.into_iter().filter(wanted).map(cell).collect()
}

#[cfg(test)]
mod tests;
