//! What a person reads at the end of a run: only what is not as expected, then one line a target.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::failure::plural;
use crate::catalogue::attack::Expected;
use crate::report::Discretion;
use crate::verdict::{Seen, Settled, Verdict};

/// The whole text.
pub(super) fn text(settled: &[Settled], discretion: &Discretion, took: Duration) -> String {
    let mut text = String::new();
    troubles(&mut text, settled, discretion);
    let mut targets: BTreeMap<(&str, &str), Vec<&Settled>> = BTreeMap::new();
    for one in settled.iter().filter(|one| !one.cell.is_elsewhere()) {
        let trial = &one.cell.trial;
        targets.entry((&trial.target, &trial.host)).or_default().push(one);
    }
    for ((target, host), cells) in targets {
        line(&mut text, &format!("{target} on {host}: {}", counted(&cells, took)));
    }
    text
}

/// Everything that is not simply as expected, by verdict and reason: often one fault stands
/// behind many cells.
fn troubles(text: &mut String, settled: &[Settled], discretion: &Discretion) {
    let mut groups: Vec<((Verdict, String), Vec<String>)> = Vec::new();
    for one in settled.iter().filter(|one| one.ruling.verdict != Verdict::Ok) {
        let reason = one.ruling.reason.as_deref().unwrap_or("no reason was given");
        let key = (one.ruling.verdict, discretion.line(reason));
        let name = format!("{} at {}", one.cell.trial.attack.id, one.cell.trial.level);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, names)) => names.push(name),
            None => groups.push((key, vec![name])),
        }
    }
    for ((verdict, reason), names) in groups {
        let style = style(verdict);
        let head = match names.as_slice() {
            [name] => name.clone(),
            _ => plural(names.len(), "trial"),
        };
        line(text, &format!("{style}{verdict}{style:#}  {head}"));
        line(text, &format!("    {reason}"));
        if names.len() > 1 {
            line(text, &format!("    {}", shortened(&names)));
        }
    }
}

fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<_> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn counted(cells: &[&Settled], took: Duration) -> String {
    let tried: Vec<_> = cells.iter().filter(|one| one.cell.expected != Expected::NotRun).collect();
    let mut parts = Vec::new();
    for seen in [Seen::Blocked, Seen::Escaped, Seen::Built, Seen::NotRun, Seen::Error] {
        let count = tried.iter().filter(|one| one.ruling.seen == seen).count();
        if count > 0 {
            parts.push(format!("{count} {seen}"));
        }
    }
    let with = |verdict| tried.iter().filter(|one| one.ruling.verdict == verdict).count();
    let off = tried.iter().filter(|one| is_off(one.ruling.verdict)).count();
    let rest = match (off, with(Verdict::KnownGap), with(Verdict::Unsupported)) {
        (0, 0, 0) => "all as expected".to_owned(),
        (0, 0, _) => "what can be tried here is as expected".to_owned(),
        (0, gaps, _) => format!("{}, the rest as expected", plural(gaps, "known gap")),
        _ => format!("{off} not as expected"),
    };
    let attempts = cells.iter().map(|one| one.attempts.len()).sum();
    let (trials, seconds) = (plural(tried.len(), "trial"), took.as_secs_f64());
    let pace = pace(attempts, seconds);
    format!("{trials} in {seconds:.1} s, {pace:.1} a second: {}; {rest}", parts.join(", "))
}

#[expect(clippy::cast_precision_loss, reason = "nobody runs 2^52 trials")]
fn pace(attempts: usize, seconds: f64) -> f64 {
    attempts as f64 / seconds.max(0.001)
}

/// Neither as expected, nor tolerated, nor impossible here.
const fn is_off(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Ok | Verdict::KnownGap | Verdict::Unsupported)
}

fn style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Ok => AnsiColor::Green,
        Verdict::UnexpectedEscape | Verdict::Error => AnsiColor::Red,
        Verdict::KnownGap | Verdict::Unsupported => AnsiColor::Cyan,
        Verdict::UnexpectedBlock | Verdict::Vacuous | Verdict::Unstable => AnsiColor::Yellow,
    };
    colour.on_default().bold()
}

fn line(text: &mut String, line: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{line}");
}
