//! What is told of a build that failed: that a sandbox was around it, or, with `--why`, what it was
//! refused and did not find there.
#![forbid(unsafe_code)]

use crate::ending::of_limit;
use crate::outcome::{End, Outcome};
use crate::payload::Payload;
use crate::plain::say;
use crate::plan::Plan;
use crate::why::{Finding, Trace, findings, findings_json};

/// How `--why` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// Sentences
    Text,
    /// One line of JSON
    Json,
}

/// How many findings are told in sentences.
const MOST_TOLD: usize = 10;

/// What the caller wants to be told of a build.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling<'a> {
    pub(super) payload: &'a Payload,
    pub(super) why: Option<Form>,
    pub(super) quiet: bool,
}

impl Telling<'_> {
    /// What the build met, where that was asked for and seen.
    pub(super) fn findings(
        self,
        plan: &Plan,
        trace: Option<&Trace>,
        outcome: &Outcome,
    ) -> Option<Vec<Finding>> {
        let trace = trace.filter(|_| self.why.is_some())?;
        let told = of_limit(&outcome.end, plan.limits.as_ref());
        Some(findings(trace, (plan, self.payload), &outcome.end, told))
    }

    /// Tells it; `over` is a call that its caller has ended.
    pub(super) fn tell(self, end: &End, over: bool, found: Option<(&Trace, &[Finding])>) {
        match (self.why, found) {
            (Some(Form::Json), Some((_, found))) => {
                say(serde_json::json!({ "why": findings_json(found) }));
            }
            (Some(Form::Text), Some((trace, found))) => tell(end, trace, found),
            (Some(_), None) => say(
                "`--why` has lost sight of the build, which ends what it follows: this is a defect of \
                 bulkhead",
            ),
            (None, _) if !self.quiet && !over && end.is_failure() => say(
                "the build failed, and it ran in a sandbox: again with `--why`, bulkhead tells what \
                 it was refused and did not find there",
            ),
            (None, _) => {}
        }
    }
}

fn tell(end: &End, trace: &Trace, found: &[Finding]) {
    let well = end.is_success();
    if found.is_empty() {
        say(if well {
            "the build was refused nothing that this host has"
        } else {
            "the build failed of itself, as far as can be seen: it was refused nothing that this host \
             has"
        });
    } else if well {
        say("the build did not fail; this it was refused or did not find:");
    } else {
        say("why the build may have failed, the likeliest cause first:");
    }
    for (nth, finding) in found.iter().take(MOST_TOLD).enumerate() {
        let doubt = if finding.likely || well { "" } else { "less likely: " };
        say(format_args!("{:>2}. {doubt}{}", nth + 1, finding.line()));
    }
    let more = found.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        say(format_args!("and {more} more; `--why=json` tells all"));
    }
    for note in trace.notes() {
        say(note);
    }
}
