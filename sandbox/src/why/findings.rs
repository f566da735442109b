//! From what was written down to what is told: grouped, and in the order of likeliness.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::path::PathBuf;

use super::causes::{Cause, Context};
use super::obstacles::Trace;
use super::order::{Order, Rank, Tier};
use super::{Finding, MOST};
use crate::ending::limit_of;
use crate::outcome::End;
use crate::payload::Payload;
use crate::plain::quoted;
use crate::plan::Plan;
use crate::unseen::{self, Dropped};
use crate::words::Layer;

/// What the build of `payload` under `plan`, which ended so, was refused or did not find, the likeliest
/// cause first; `told` is the sentence for an end that is the sandbox's.
#[must_use]
pub fn findings(
    trace: &Trace,
    (plan, payload): (&Plan, &Payload),
    end: &End,
    told: Option<String>,
) -> Vec<Finding> {
    let mut ranked: Vec<(Rank, Finding)> = Vec::new();
    ranked.extend(told.and_then(|told| of_end(end, told)).map(|it| (top(Tier::Ended), it)));
    if !end.is_success() {
        let dropped = unseen::dropped(plan, payload);
        let dropped = dropped.into_iter().filter(|dropped| !dropped.secret);
        ranked.extend(dropped.map(|dropped| (top(Tier::Asked), of_variable(&dropped))));
    }
    let limited = matches!(end, End::OutOfMemory | End::TooManyProcesses);
    ranked.extend(met(trace, plan, payload).into_iter().filter(|(_, finding)| {
        // It was told as the end already.
        !limited || finding.layer != Layer::Limits
    }));
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, finding)| finding).take(MOST).collect()
}

const fn top(tier: Tier) -> Rank {
    (tier, Reverse(u64::MAX))
}

/// What was met, that which one switch would help against as one.
fn met(trace: &Trace, plan: &Plan, payload: &Payload) -> Vec<(Rank, Finding)> {
    let context = Context::of(plan, payload);
    let order = Order::of(trace);
    let mut groups: HashMap<String, Vec<(Rank, Cause, String, u64)>> = HashMap::new();
    for (obstacle, met) in &trace.met {
        if let Some(cause) = context.cause(obstacle) {
            let rank = order.rank(met, cause.used);
            let member = (rank, cause, met.name.clone(), met.times);
            groups.entry(member.1.group.clone()).or_default().push(member);
        }
    }
    // A directory on the way to another that is missing too is no finding of its own. In their order,
    // what lies in a directory stands right behind it.
    let places: BTreeSet<PathBuf> =
        groups.values().flatten().filter_map(|(_, cause, _, _)| cause.place.clone()).collect();
    let leads_on = |cause: &Cause| {
        let place = cause.place.as_ref().filter(|_| cause.leads_on);
        place.is_some_and(|place| {
            let behind = (Bound::Excluded(place.clone()), Bound::Unbounded);
            places.range(behind).next().is_some_and(|next| next.starts_with(place))
        })
    };
    let groups = groups.into_values().filter_map(|mut members| {
        members.retain(|(_, cause, _, _)| !leads_on(cause));
        members.sort_by_key(|(rank, _, _, _)| *rank);
        one(members)
    });
    groups.collect()
}

/// The finding for what belongs together, the likeliest of it first.
fn one(members: Vec<(Rank, Cause, String, u64)>) -> Option<(Rank, Finding)> {
    let places: BTreeSet<_> = members.iter().map(|(_, cause, _, _)| &cause.place).collect();
    let more = places.len().saturating_sub(1);
    let times = members.iter().map(|(_, _, _, times)| *times).fold(0, u64::saturating_add);
    let (rank, cause, name, _) = members.into_iter().next()?;
    let others = match more {
        0 => String::new(),
        more => format!(", and {more} more of the kind"),
    };
    // A process gives itself any name.
    let name = match quoted(&name) {
        _ if name.is_empty() => "a program".to_owned(),
        plain if plain == name => format!("`{name}`"),
        other => other,
    };
    let text = format!("{name} {}{others}", cause.text);
    let likely = rank.0 <= Tier::Asked;
    Some((rank, Finding { text, layer: cause.layer, switch: cause.switch, times, likely }))
}

fn of_variable(dropped: &Dropped) -> Finding {
    let Dropped { name, why, .. } = dropped;
    Finding {
        text: format!("{name} does not reach the build, for {why}"),
        layer: Layer::Environment,
        switch: Some(format!("--env {name}")),
        times: 0,
        likely: true,
    }
}

/// What ended the build, where that was the sandbox.
fn of_end(end: &End, told: String) -> Option<Finding> {
    let limit = limit_of(end)?;
    let (switch, layer) = (Some(limit.switch()), limit.row().layer);
    Some(Finding { text: told, layer, switch, times: 1, likely: true })
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
