//! What a person reads at the end of a run: what is not as expected, then a line for each level.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use sandbox::Level;

use super::failure::plural;
use crate::catalogue::attack::Expected;
use crate::report::Redactor;
use crate::verdict::{Seen, Settled, Verdict};

/// The whole text: what is not as expected first, then for each sandbox a line for each level.
pub(super) fn text(settled: &[Settled], redactor: &Redactor, took: Duration) -> String {
    let mut text = String::new();
    troubles(&mut text, settled, redactor);
    let mut targets: BTreeMap<(&str, &str), Vec<&Settled>> = BTreeMap::new();
    for one in settled.iter().filter(|one| !one.cell.is_elsewhere()) {
        let trial = &one.cell.trial;
        targets.entry((&trial.target, &trial.host)).or_default().push(one);
    }
    for ((target, host), cells) in targets {
        line(&mut text, &format!("{target} on {host}: {}", counted(&cells, took)));
        for level in Level::ALL {
            let there: Vec<_> =
                cells.iter().copied().filter(|one| one.cell.trial.level == level).collect();
            if let Some(told) = at_level(&there, level) {
                line(&mut text, &format!("    {level}: {told}"));
            }
        }
    }
    text
}

/// What came of one level of one sandbox, if anything was tried there.
fn at_level(cells: &[&Settled], level: Level) -> Option<String> {
    let tried = cells.iter().filter(|one| one.cell.expected != Expected::NotRun);
    let (honest, attacks): (Vec<_>, Vec<_>) =
        tried.partition(|one| one.cell.trial.attack.is_benign());
    let count = |all: &[&&Settled], seen| all.iter().filter(|one| one.ruling.seen == seen).count();
    let (through, stopped) = (count(&attacks, Seen::Escaped), count(&attacks, Seen::Blocked));
    let (nothing, unable) = (count(&attacks, Seen::Error), count(&attacks, Seen::NotRun));
    let (built, broken) = (count(&honest, Seen::Built), count(&honest, Seen::Error));
    let mut parts = Vec::new();
    if through + stopped + nothing > 0 {
        let all = through + stopped + nothing;
        let control =
            if level == Level::None && through == all { ", as the control must" } else { "" };
        parts.push(format!("{through} of {all} got through{control}"));
    }
    if broken > 0 {
        parts.push(format!(
            "{broken} of {} did NOT build, so nothing counts as blocked",
            plural(built + broken, "honest build")
        ));
    } else if built > 0 {
        parts.push(format!("{} built", plural(built, "honest build")));
    }
    if nothing > 0 {
        parts.push(if nothing == 1 {
            "1 proves nothing".to_owned()
        } else {
            format!("{nothing} prove nothing")
        });
    }
    if unable > 0 {
        parts.push(format!("{unable} cannot be tried here"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The trial that is worth a closer look before all others, if any is not as expected.
pub(super) fn worst(settled: &[Settled]) -> Option<&Settled> {
    const ORDER: [Verdict; 5] = [
        Verdict::UnexpectedEscape,
        Verdict::Error,
        Verdict::Vacuous,
        Verdict::Unstable,
        Verdict::UnexpectedBlock,
    ];
    ORDER.into_iter().find_map(|wanted| settled.iter().find(|one| one.ruling.verdict == wanted))
}

/// The last line of the last traceback in what a build printed.
fn traceback(one: &Settled, redactor: &Redactor) -> Option<String> {
    let log = &one.attempts.last()?.run.log;
    let text = redactor.say(&String::from_utf8_lossy(log));
    let (_, rest) = text.rsplit_once("Traceback (most recent call last):")?;
    let last = rest.lines().skip(1).find(|line| !line.starts_with(' ') && !line.is_empty())?;
    let last = redactor.line(last);
    (!last.is_empty()).then(|| last.chars().take(200).collect())
}

/// Everything that is not simply as expected, by verdict and reason: often one fault stands
/// behind many cells.
fn troubles(text: &mut String, settled: &[Settled], redactor: &Redactor) {
    let mut groups: Vec<((Verdict, String), Vec<String>)> = Vec::new();
    let broke = |one: &Settled| matches!(one.ruling.verdict, Verdict::Vacuous | Verdict::Error);
    for one in settled.iter().filter(|one| one.ruling.verdict != Verdict::Ok) {
        let reason = one.ruling.reason.as_deref().unwrap_or("no reason was given");
        let mut told = redactor.line(reason);
        if let Some(last) = traceback(one, redactor).filter(|_| broke(one)) {
            // Writing into a string cannot fail.
            let _ = write!(told, "; the build said: {last}");
        }
        let key = (one.ruling.verdict, told);
        let name = format!("{} at {}", one.cell.trial.attack.id, one.cell.trial.level);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, names)) => names.push(name),
            None => groups.push((key, vec![name])),
        }
    }
    // Escapes first, and last what this machine cannot try.
    groups.sort_by_key(|((verdict, _), _)| rank(*verdict));
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

const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::UnexpectedEscape => 0,
        Verdict::Error => 1,
        Verdict::Vacuous => 2,
        Verdict::Unstable => 3,
        Verdict::UnexpectedBlock => 4,
        Verdict::KnownGap => 5,
        Verdict::Unsupported | Verdict::Ok => 6,
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
