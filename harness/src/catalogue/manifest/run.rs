//! The `[run]` and `[expect.LEVEL]` tables of a manifest.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use sandbox::Level;
use toml::Spanned;
use toml::de::DeValue;

use super::table::{At, Table, amount, each_once};
use crate::catalogue::attack::{
    Attack, ControlAt, Exception, Expected, FrontendStep, Interrupt, Lent, OracleKind, Purpose,
    Resource, RunLimits, RunPlan,
};
use crate::catalogue::diagnostic::{Code, Findings};

/// The `[run]` table, and where its references to other tables stand.
pub(super) struct Run {
    /// What it says.
    pub(super) plan: RunPlan,
    /// The plants that it has inherited, as written.
    pub(super) inherit: Vec<At<String>>,
    /// The mark of the interrupt, as written.
    pub(super) after: Option<At<String>>,
}

/// Reads the `[run]` table.
pub(super) fn read(top: &mut Table<'_>, attack: bool, found: &mut Findings) -> Option<Run> {
    let table = top.table("run", found);
    let mut table = top.demanded("run", table, found)?;
    let hooks = table.words("hooks", found);
    let value = table.value("hooks");
    table.demanded("hooks", value, found);
    if let Some(value) = value
        && value.get_ref().as_array().is_some_and(|items| items.is_empty())
    {
        let message = "`hooks` is empty: the build would do nothing".to_owned();
        let help = "name at least one hook, as `build_wheel`".to_owned();
        found.report(value.span().start, Code::BadValue, message, help);
    }
    let timeout = timeout(&mut table, found);
    let marks = marks(&mut table, attack, found);
    let levels = table.words::<Level>("levels", found);
    let control = table.text("control", found);
    if let Some(control) = &control {
        name("target", control, found);
    }
    let (interrupt, after) = interrupt(&mut table, found);
    let second = table.word("second", found);
    let inherit = owned(&table.texts("inherit", found));
    let limits = limits(&mut table, found);
    let terminal = table.flag("terminal", found);
    let waits = table.flag("waits", found);
    let mut steps: Vec<FrontendStep> =
        table.words("steps", found).into_iter().map(|step| step.value).collect();
    steps.sort_unstable();
    let mut lends: Vec<Lent> =
        table.words("lends", found).into_iter().map(|lent| lent.value).collect();
    lends.sort_unstable();
    table.close(found);
    let plan = RunPlan {
        hooks: hooks.into_iter().map(|hook| hook.value).collect(),
        // A mistake in it was reported; what else the manifest says can still be checked.
        timeout: timeout.unwrap_or_default(),
        waits,
        marks,
        levels: levels.into_iter().map(|level| level.value).collect(),
        control: control.map(|control| control.value.to_owned()),
        interrupt,
        second,
        inherit: inherit.iter().map(|id| id.value.clone()).collect(),
        limits,
        terminal,
        steps,
        lends,
    };
    Some(Run { plan, inherit, after })
}

/// Reads the exceptions to the derived expectation.
pub(super) fn exceptions(
    top: &mut Table<'_>,
    attack: bool,
    found: &mut Findings,
) -> BTreeMap<Level, Exception> {
    let mut exceptions = BTreeMap::new();
    let Some(mut table) = top.table("expect", found) else { return exceptions };
    for level in Level::ALL {
        let Some(mut exception) = table.table(level.name(), found) else { continue };
        let outcome = exception.word::<Expected>("outcome", found);
        let outcome = exception.demanded("outcome", outcome, found);
        let reason = exception.line("reason", found);
        if outcome.is_some_and(|outcome| (outcome == Expected::Built) == attack) {
            let kind = if attack { "an attack" } else { "an honest build" };
            let message = format!("{kind} has another kind of `outcome`");
            let help = "write blocked or escaped for an attack, built for an honest build";
            found.report(exception.offset(), Code::BadValue, message, help.to_owned());
        }
        exception.close(found);
        if let (Some(outcome), Some(reason)) = (outcome, reason) {
            exceptions.insert(level, Exception { outcome, reason });
        }
    }
    table.close(found);
    exceptions
}

/// A date, as TOML writes it or as a text of that form.
pub(crate) fn date(
    value: &Spanned<DeValue<'_>>,
    key: &str,
    found: &mut Findings,
) -> Option<String> {
    let text = match value.get_ref() {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => String::new(),
    };
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if text.len() == 10
        && text.get(4..5) == Some("-")
        && text.get(7..8) == Some("-")
        && digits(0..4)
        && digits(5..7)
        && digits(8..10)
    {
        return Some(text);
    }
    let help = "write year, month and day, as 2021-04-15".to_owned();
    found.report(value.span().start, Code::BadValue, format!("`{key}` is no date"), help);
    None
}

/// The same, or a year and month where nobody knows the day, as the text `2018-10`.
pub(super) fn day_or_month(
    value: &Spanned<DeValue<'_>>,
    key: &str,
    found: &mut Findings,
) -> Option<String> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match value.get_ref() {
        DeValue::String(text)
            if text.len() == 7
                && text.split_once('-').is_some_and(|(year, month)| {
                    year.len() == 4 && digits(year) && digits(month)
                }) =>
        {
            Some(text.to_string())
        }
        _ => date(value, key, found),
    }
}

/// An attack whose control is expected to stop it could never show anything.
pub(super) fn control_can_escape(attack: &Attack, offset: usize, found: &mut Findings) {
    if attack.purpose == Purpose::Benign {
        return;
    }
    // Another sandbox is on record for what it does not stop.
    let ControlAt::Level(control) = attack.control() else { return };
    if attack.expected(control, control.layers()) != Expected::Escaped {
        let message = format!(
            "the control level `{control}` is expected to stop the attack, so no level proves \
             anything"
        );
        let help = format!(
            "list a weaker level first in `levels`, or say in `[expect.{control}]` why the attack \
             escapes there"
        );
        found.report(offset, Code::ControlBlocked, message, help);
    }
}

/// A trial that may be cut off shows something only to an oracle that looks at the time.
pub(super) fn waits_for_a_clock(attack: &Attack, offset: usize, found: &mut Findings) {
    let is_clock = |kind: &OracleKind| {
        matches!(
            kind,
            OracleKind::HookOutlivedDeadline
                | OracleKind::LimitExceeded { what: Resource::Time, .. }
        )
    };
    if attack.run.waits && !attack.oracles.iter().any(|oracle| is_clock(&oracle.kind)) {
        let message = "`waits` is set, and no oracle looks at the time".to_owned();
        let help =
            "add an oracle `hook-outlived-deadline`, or `limit-exceeded` with `what = \"time\"`";
        found.report(offset, Code::BadValue, message, help.to_owned());
    }
}

fn marks(table: &mut Table<'_>, attack: bool, found: &mut Findings) -> Vec<String> {
    let marks = table.texts("marks", found);
    each_once(&marks, "`marks`", found);
    if attack && marks.is_empty() {
        let message = "`marks` is empty: nothing would prove that the attack was tried".to_owned();
        let help = "call `kit.mark(\"name\")` before the attempt and list the name here".to_owned();
        found.report(table.offset(), Code::NoMarks, message, help);
    }
    for mark in &marks {
        name("mark", mark, found);
    }
    marks.into_iter().map(|mark| mark.value.to_owned()).collect()
}

/// Reports a name that could not stand in a line of the protocol, in a path, or in a report.
pub(super) fn name(kind: &str, text: &At<&str>, found: &mut Findings) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.value.is_empty() || !text.value.chars().all(fits) {
        let message = format!("`{}` is no name for a {kind}", text.value);
        let help = "use lower-case letters, digits and hyphens".to_owned();
        found.report(text.offset, Code::BadValue, message, help);
    }
}

fn owned(texts: &[At<&str>]) -> Vec<At<String>> {
    texts.iter().map(|text| At { value: text.value.to_owned(), offset: text.offset }).collect()
}

fn timeout(table: &mut Table<'_>, found: &mut Findings) -> Option<Duration> {
    let text = table.text("timeout", found);
    let text = table.demanded("timeout", text, found)?;
    let parsed = duration(text.value)
        .filter(|time| *time >= Duration::from_millis(100) && *time <= Duration::from_mins(10));
    if parsed.is_none() {
        let message = format!("`timeout` is `{}`", text.value);
        let help = "write a time between 100ms and 10m, as `10s`".to_owned();
        found.report(text.offset, Code::BadValue, message, help);
    }
    parsed
}

fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

fn limits(table: &mut Table<'_>, found: &mut Findings) -> RunLimits {
    let Some(mut inner) = table.table("limits", found) else { return RunLimits::default() };
    let texts = ["memory", "pids", "timeout", "log"].map(|key| inner.amount_text(key, found));
    inner.close(found);
    let [memory, pids, timeout, log] = texts;
    RunLimits {
        memory: memory.and_then(|text| amount(&text, found)),
        pids: pids.and_then(|text| amount(&text, found)),
        timeout: timeout.and_then(|text| amount(&text, found)),
        log: log.and_then(|text| amount(&text, found)),
    }
}

fn interrupt(
    table: &mut Table<'_>,
    found: &mut Findings,
) -> (Option<Interrupt>, Option<At<String>>) {
    let Some(mut inner) = table.table("interrupt", found) else { return (None, None) };
    let signal = inner.word("signal", found);
    let signal = inner.demanded("signal", signal, found);
    let whom = inner.word("whom", found);
    let whom = inner.demanded("whom", whom, found);
    let after = inner.text("after", found);
    let after = inner.demanded("after", after, found);
    inner.close(found);
    let place = after.as_ref().map(|at| At { value: at.value.to_owned(), offset: at.offset });
    let (Some(signal), Some(whom), Some(after)) = (signal, whom, after) else {
        return (None, place);
    };
    (Some(Interrupt { signal, whom, after: after.value.to_owned() }), place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_number_and_a_unit() {
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Some(Duration::from_mins(2)));
        for wrong in ["10", "s", "ten s", "10 s", "1h", "", "-1s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
