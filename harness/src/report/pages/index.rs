//! The index of the pages: one table for each guarantee.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use sandbox::Guarantee;

use super::{GENERATED, line};
use crate::catalogue::attack::{Attack, Purpose};
use crate::catalogue::spelling::Spelt;
use crate::catalogue::{BENIGN, Catalogue};
use crate::report::redact::markdown;
use crate::report::schema::ablation::Ablation;
use crate::report::schema::{At, Report};

/// `docs/attacks/README.md`.
#[must_use]
pub fn index(catalogue: &Catalogue, reports: &[Report], ablations: &[Ablation]) -> String {
    let mut text = format!("# The attacks, one by one\n\n{GENERATED}\n\n");
    line(
        &mut text,
        "Each page tells what the attack does, which layers must stop it, and what was seen of it \
         with every sandbox and host in the committed reports. *Depth* is the number of layers \
         that stop it alone. [All of them as one table](../../reports/MATRIX.md).",
    );
    let folders = Guarantee::ALL.map(Guarantee::name).into_iter().chain([BENIGN]);
    for folder in folders {
        let here = catalogue.entries().filter(|one| one.id.0.split('/').next() == Some(folder));
        let rows: Vec<_> = here.map(|attack| row(attack, folder, reports, ablations)).collect();
        if rows.is_empty() {
            continue;
        }
        line(&mut text, &format!("\n## {folder}\n"));
        line(&mut text, "| | severity | depth | gets past |\n|---|---|---|---|");
        for row in &rows {
            line(&mut text, row);
        }
    }
    text
}

fn row(attack: &Attack, folder: &str, reports: &[Report], ablations: &[Ablation]) -> String {
    let id = &attack.id.0;
    let slug = id.strip_prefix(folder).unwrap_or(id).trim_start_matches('/');
    let severity = match attack.purpose {
        Purpose::Attack { severity, .. } => severity.spelt(),
        Purpose::Benign => "–",
    };
    let depths = ablations.iter().filter_map(|one| one.attacks.get(id));
    let depths: Vec<_> = depths.map(|found| found.depth.to_string()).collect();
    let depth = if depths.is_empty() { "–".to_owned() } else { depths.join(", ") };
    let title = markdown(&attack.title);
    format!(
        "| [{slug}]({folder}/{slug}.md): {title} | {severity} | {depth} | {} |",
        past(id, reports)
    )
}

/// The sandboxes and levels that it was seen to get past, the level `none` aside.
fn past(id: &str, reports: &[Report]) -> String {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for report in reports {
        let cells = report.results.get(id).into_iter().flat_map(|entry| &entry.cells);
        let escaped = cells.filter(|(At(level), cell)| {
            cell.outcome == crate::verdict::Seen::Escaped && *level != sandbox::Level::None
        });
        for (At(level), _) in escaped {
            let place = match report.target.as_str() {
                "own" => level.name(),
                other => other,
            };
            found.entry(&report.host).or_default().push(markdown(place));
        }
    }
    let host =
        |(host, places): (&str, Vec<String>)| format!("{}: {}", markdown(host), places.join(" "));
    let found: Vec<_> = found.into_iter().map(host).collect();
    if found.is_empty() { "–".to_owned() } else { found.join("; ") }
}
