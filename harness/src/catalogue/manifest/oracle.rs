//! The `[[oracle]]` tables of a manifest.
#![forbid(unsafe_code)]

use super::plant::path;
use super::run::name;
use super::table::{At, Table, amount, each_once};
use crate::catalogue::attack::{OracleKeys, OracleKind, OracleSpec, Resource};
use crate::catalogue::diagnostic::{Code, Findings};
use crate::catalogue::spelling::{Spelt, nearest};
use sandbox::policy::limits::amounts::{Bytes, Count, Span};

/// An oracle, and where it names its plant.
pub(super) struct Oracle {
    /// What it is.
    pub(super) spec: OracleSpec,
    /// The plant that it names, as written.
    pub(super) plant: Option<At<String>>,
    /// Where it stands.
    pub(super) offset: usize,
}

/// Reads all of them; the flag says whether there are some and every one could be read.
pub(super) fn read(top: &mut Table<'_>, found: &mut Findings) -> (Vec<Oracle>, bool) {
    let mut oracles = Vec::new();
    let mut ids = Vec::new();
    let tables = top.tables("oracle", found);
    if tables.is_empty() {
        let message = "the attack has no oracle: nobody would see it escape".to_owned();
        let help = "add an `[[oracle]]` table that looks from outside".to_owned();
        found.report(top.offset(), Code::NoOracle, message, help);
    }
    let count = tables.len();
    for mut table in tables {
        let id = table.text("id", found);
        let id = table.demanded("id", id, found);
        let word = table.text("kind", found);
        let word = table.demanded("kind", word, found);
        let read = word.and_then(|word| kind(&word, &mut table, found));
        if let Some(id) = id {
            name("oracle", &id, found);
            if let Some((kind, plant)) = read {
                let spec = OracleSpec { id: id.value.to_owned(), kind };
                oracles.push(Oracle { spec, plant, offset: id.offset });
            }
            ids.push(id);
        }
        table.close(found);
    }
    each_once(&ids, "the ids of the oracles", found);
    let whole = count > 0 && oracles.len() == count;
    (oracles, whole)
}

type Read = (OracleKind, Option<At<String>>);

fn kind(word: &At<&str>, table: &mut Table<'_>, found: &mut Findings) -> Option<Read> {
    let Some(keys) = OracleKind::keys(word.value) else {
        let help = nearest(word.value, &OracleKind::NAMES).map_or_else(
            || format!("known: {}", OracleKind::NAMES.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("unknown kind of oracle `{}`", word.value);
        found.report(word.offset, Code::BadValue, message, help);
        for key in ["plant", "path", "what", "most"] {
            table.value(key);
        }
        return None;
    };
    let kind = match keys {
        OracleKeys::Nothing(kind) => kind(),
        OracleKeys::Plant(kind) => return of_plant(table, found, kind),
        OracleKeys::Listed(kind) | OracleKeys::Watched(kind) => kind(path(table, "path", found)?),
        OracleKeys::Own => own(word.value, table, found)?,
    };
    Some((kind, None))
}

/// A kind with keys of its own.
fn own(word: &str, table: &mut Table<'_>, found: &mut Findings) -> Option<OracleKind> {
    Some(match word {
        "privilege-gained" => OracleKind::PrivilegeGained { what: what(table, found)? },
        "artefact-hostile" => OracleKind::ArtefactHostile { what: what(table, found)? },
        "requirement-returned" => OracleKind::RequirementReturned { what: what(table, found)? },
        "log-command" => OracleKind::LogCommand { what: what(table, found)? },
        "limit-exceeded" => limit(table, found)?,
        _ => return None,
    })
}

/// The word at `what`.
fn what<W: Spelt>(table: &mut Table<'_>, found: &mut Findings) -> Option<W> {
    let word = table.word("what", found);
    table.demanded("what", word, found)
}

/// A resource, and how much of it is allowed.
fn limit(table: &mut Table<'_>, found: &mut Findings) -> Option<OracleKind> {
    let what = what(table, found);
    let most = table.amount_text("most", found);
    let (what, most) = (what?, table.demanded("most", most, found)?);
    let read = match what {
        Resource::Memory | Resource::Disk | Resource::Log | Resource::Core => {
            amount::<Bytes>(&most, found).map(|Bytes(bytes)| bytes)
        }
        Resource::Processes | Resource::Files => {
            amount::<Count>(&most, found).map(|Count(count)| count)
        }
        Resource::Time => amount::<Span>(&most, found)
            .map(|Span(time)| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    };
    Some(OracleKind::LimitExceeded { what, most: read? })
}

fn of_plant(
    table: &mut Table<'_>,
    found: &mut Findings,
    kind: impl FnOnce(String) -> OracleKind,
) -> Option<Read> {
    let plant = table.text("plant", found);
    let plant = table.demanded("plant", plant, found)?;
    let at = At { value: plant.value.to_owned(), offset: plant.offset };
    Some((kind(at.value.clone()), Some(at)))
}
