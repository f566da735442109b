//! Reads one `attack.toml`, and finds every mistake in it in one pass.
#![forbid(unsafe_code)]

mod oracle;
mod plant;
mod run;
mod table;
mod uses;

use std::path::{Path, PathBuf};

use sandbox::{Guarantee, Layer, LayerSet};
use toml::de::DeTable;

use super::attack::{Attack, AttackId, Need, Purpose, Reference, Severity};
use super::diagnostic::{Code, Diagnostic, Findings};
use super::tree::Tree;
pub(crate) use run::date;
pub(crate) use table::Table;

/// The kinds of reference.
pub(crate) const REFERENCES: [&str; 6] =
    ["incident", "cve", "advisory", "paper", "documentation", "catalogue"];

/// What the place of a manifest says about it.
pub(crate) struct Place {
    /// Folder and slug.
    pub(crate) id: AttackId,
    /// The source tree.
    pub(crate) dir: PathBuf,
    /// The guarantee of the folder; none for `benign`.
    pub(crate) guarantee: Option<Guarantee>,
    /// The digest of the source tree.
    pub(crate) fixture: String,
    /// What the back end says, for the question which plants it touches.
    pub(crate) backend: String,
}

impl Place {
    /// One of which nothing has been read yet.
    pub(crate) fn new(
        folder: &str,
        slug: &str,
        dir: PathBuf,
        guarantee: Option<Guarantee>,
    ) -> Self {
        let id = AttackId(format!("{folder}/{slug}"));
        Self { id, dir, guarantee, fixture: String::new(), backend: String::new() }
    }
}

/// The entry that `text`, which stands in `file`, describes.
///
/// # Errors
/// Every mistake.
pub(crate) fn read(file: &Path, text: &str, place: Place) -> Result<Attack, Vec<Diagnostic>> {
    let mut found = Findings::of(file, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let help = "correct the line; https://toml.io describes the format".to_owned();
        found.report(offset, Code::Syntax, error.message().to_owned(), help);
    }
    if !errors.is_empty() {
        // What could be read of a broken file would only give rise to false complaints.
        return Err(found.into_vec());
    }
    let mut top = Table::new("the manifest", 0, root.get_ref());
    let attack = entry(&mut top, place, &mut found);
    top.close(&mut found);
    match attack {
        Some(attack) if found.is_empty() => Ok(attack),
        _ => Err(found.into_vec()),
    }
}

fn entry(top: &mut Table<'_>, place: Place, found: &mut Findings) -> Option<Attack> {
    schema(top, found);
    identity(top, &place.id, found);
    let attack = place.guarantee.is_some();
    let title = top.line("title", found);
    let summary = top.line("summary", found);
    let tags = ["attack", "cwe", "catalogue"].map(|key| tags(top, key, found));
    let run = run::read(top, attack, found);
    let elsewhere = run.as_ref().is_some_and(|run| run.plan.control.is_some());
    let purpose = purpose(top, place.guarantee, elsewhere, found);
    let requires = needs(top, attack, found);
    let plants = plant::read(top, found);
    let (oracles, whole) = if attack { oracle::read(top, found) } else { (Vec::new(), true) };
    let expect = run::exceptions(top, attack, found);
    let references = references(top, found);
    if let Some(run) = &run {
        let backend = &place.backend;
        uses::Uses { run, plants: &plants, oracles: &oracles, whole, backend }.check(found);
    }
    let [techniques, weaknesses, rows] = tags;
    let attack = Attack {
        id: place.id,
        dir: place.dir,
        title: title?,
        summary: summary?,
        purpose: purpose?,
        techniques,
        weaknesses,
        rows,
        run: run?.plan,
        requires,
        plants: plants.into_iter().map(|plant| plant.value).collect(),
        oracles: oracles.into_iter().map(|oracle| oracle.spec).collect(),
        expect,
        references,
        fixture: place.fixture,
        tree: Tree::new(),
    };
    run::control_can_escape(&attack, top.offset(), found);
    run::waits_for_a_clock(&attack, top.offset(), found);
    Some(attack)
}

fn schema(top: &mut Table<'_>, found: &mut Findings) {
    let Some(value) = top.value("schema") else {
        let help = "add `schema = 1` as the first line".to_owned();
        found.report(0, Code::Schema, "the manifest does not name its schema".to_owned(), help);
        return;
    };
    if value.get_ref().as_integer().is_none_or(|number| number.as_str() != "1") {
        let message = "this program reads manifests of schema 1".to_owned();
        found.report(value.span().start, Code::Schema, message, "write `schema = 1`".to_owned());
    }
}

fn identity(top: &mut Table<'_>, id: &AttackId, found: &mut Findings) {
    let text = top.text("id", found);
    let Some(text) = top.demanded("id", text, found) else { return };
    if text.value != id.0 {
        let message = format!("`id` is `{}`, but the folder is `{id}`", text.value);
        let help = format!("write `id = \"{id}\"`, or move the folder");
        found.report(text.offset, Code::IdNotPath, message, help);
    }
}

fn purpose(
    top: &mut Table<'_>,
    guarantee: Option<Guarantee>,
    elsewhere: bool,
    found: &mut Findings,
) -> Option<Purpose> {
    let Some(guarantee) = guarantee else { return Some(Purpose::Benign) };
    let severity = top.word::<Severity>("severity", found);
    let severity = top.demanded("severity", severity, found);
    let layers = top.words::<Layer>("stopped_by", found);
    let value = top.value("stopped_by");
    if elsewhere {
        if let Some(value) = value {
            let message =
                "only another sandbox opens the hole, so no layer can be shown to close it";
            let help = "remove `stopped_by`, or `control`".to_owned();
            found.report(value.span().start, Code::BadValue, message.to_owned(), help);
        }
    } else {
        top.demanded("stopped_by", value, found);
    }
    if let Some(value) = value
        && value.get_ref().as_array().is_some_and(|items| items.is_empty())
    {
        let message = "`stopped_by` is empty: no sandbox could be blamed for an escape".to_owned();
        let help = "name the layers any of which must stop the attack".to_owned();
        found.report(value.span().start, Code::StoppedByNothing, message, help);
    }
    let stopped_by: LayerSet = layers.into_iter().map(|layer| layer.value).collect();
    Some(Purpose::Attack { guarantee, severity: severity?, stopped_by })
}

fn tags(top: &mut Table<'_>, key: &'static str, found: &mut Findings) -> Vec<String> {
    let texts = top.texts(key, found);
    table::each_once(&texts, &format!("`{key}`"), found);
    for text in &texts {
        let fits = match key {
            "attack" => text.value.strip_prefix('T').is_some_and(is_technique),
            "cwe" => text.value.strip_prefix("CWE-").is_some_and(is_weakness),
            _ => text.value.chars().all(|c| c.is_ascii_lowercase() || "-0123456789".contains(c)),
        };
        if !fits || text.value.is_empty() {
            let message = format!("`{}` is no entry for `{key}`", text.value);
            let help = match key {
                "attack" => "write a MITRE ATT&CK technique, as `T1552.001`",
                "cwe" => "write a CWE number, as `CWE-522`",
                _ => "write the row's key in lower case, as `cred-netrc-root600`",
            };
            found.report(text.offset, Code::BadValue, message, help.to_owned());
        }
    }
    texts.into_iter().map(|text| text.value.to_owned()).collect()
}

/// Whether it has the form of a technique, and a number that ATT&CK gives: techniques of enterprises
/// begin at T1001, and as of version 18 none is beyond T1699 or has a part beyond .030.
fn is_technique(text: &str) -> bool {
    let (technique, part) = text.split_once('.').unwrap_or((text, "001"));
    let within = |text: &str, digits: usize, range: std::ops::RangeInclusive<u32>| {
        text.len() == digits
            && is_number(text)
            && text.parse().is_ok_and(|number: u32| range.contains(&number))
    };
    within(technique, 4, 1001..=1699) && within(part, 3, 1..=30)
}

/// Whether it is a number of CWE, which has given none beyond 1450.
fn is_weakness(text: &str) -> bool {
    is_number(text) && text.parse().is_ok_and(|number: u32| (1..=1450).contains(&number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn needs(top: &mut Table<'_>, attack: bool, found: &mut Findings) -> Vec<Need> {
    if !attack {
        return top.words("needs", found).into_iter().map(|need| need.value).collect();
    }
    let mut needs = Vec::new();
    for mut table in top.tables("requires", found) {
        let probe = table.word::<Need>("probe", found);
        needs.extend(table.demanded("probe", probe, found));
        table.close(found);
    }
    needs
}

fn references(top: &mut Table<'_>, found: &mut Findings) -> Vec<Reference> {
    let mut references = Vec::new();
    for mut table in top.tables("reference", found) {
        let kind = table.text("kind", found);
        let kind = table.demanded("kind", kind, found);
        let title = table.line("title", found);
        let url = table.text("url", found).map(|url| url.value.to_owned());
        let date = table.value("date").and_then(|value| run::day_or_month(value, "date", found));
        if let Some(kind) = &kind
            && !REFERENCES.contains(&kind.value)
        {
            let message = format!("unknown kind of reference `{}`", kind.value);
            let help = format!("known: {}", REFERENCES.join(", "));
            found.report(kind.offset, Code::BadValue, message, help);
        }
        if let (Some(kind), Some(title)) = (kind, title) {
            references.push(Reference { kind: kind.value.to_owned(), title, url, date });
        }
        table.close(found);
    }
    references
}
