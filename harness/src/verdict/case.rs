//! The rules: what one attempt at one trial shows.
#![forbid(unsafe_code)]

use sandbox::Level;

use super::{Control, Honest, NOT_BUILT, Preconditions, Seen, UNUSABLE, Verdict};
use crate::catalogue::attack::Expected;
use crate::gaps::Gap;
use crate::lab::profile::Profile;
use crate::oracle::Observation;
use crate::schedule::{Sandbox, Trial};

/// What was seen, the verdict, and why.
pub(super) type Reached = (Seen, Verdict, Option<String>);

fn vacuous(reason: String) -> Reached {
    (Seen::Error, Verdict::Vacuous, Some(reason))
}

fn error(reason: String) -> Reached {
    (Seen::Error, Verdict::Error, Some(reason))
}

/// One attempt at one trial, with all that bears on it.
pub(super) struct Case<'a> {
    pub(super) trial: &'a Trial,
    pub(super) expected: Expected,
    pub(super) preconditions: &'a Preconditions,
    pub(super) observed: &'a Observation,
    pub(super) gap: Option<&'a Gap>,
}

impl Case<'_> {
    /// An honest build.
    pub(super) fn honest(&self) -> Reached {
        if let Some(end) = self.cut_off().or_else(|| self.not_run()).or_else(|| self.broke()) {
            return end;
        }
        if !self.observed.run.built {
            return error(format!("{NOT_BUILT}: {}", self.how_it_ended()));
        }
        if let Some(mark) = self.missing_mark() {
            return vacuous(format!("the mark `{mark}` did not arrive"));
        }
        if let Some(finding) = self.observed.findings.first() {
            return error(format!(
                "`{}` fired on an honest build: {}",
                finding.oracle, finding.evidence
            ));
        }
        (Seen::Built, Verdict::Ok, None)
    }

    /// An attack that a correct sandbox stops here.
    pub(super) fn to_be_stopped(&self) -> Reached {
        if let Some(end) = self.cut_off() {
            return end;
        }
        // What was seen from outside outweighs whatever else went wrong.
        let findings = &self.observed.findings;
        let declared = findings.iter().find(|finding| finding.declared);
        if let Some(first) = declared.or(findings.first()) {
            let evidence = format!("`{}` fired: {}", first.oracle, first.evidence);
            return match self.gap {
                Some(gap) if first.declared => {
                    let reason = format!("{} ({})", gap.reason, gap.record);
                    (Seen::Escaped, Verdict::KnownGap, Some(reason))
                }
                _ => (Seen::Escaped, Verdict::UnexpectedEscape, Some(evidence)),
            };
        }
        if let Some(end) =
            self.not_run().or_else(|| self.broke()).or_else(|| self.unmet_precondition())
        {
            return end;
        }
        (Seen::Blocked, Verdict::Ok, None)
    }

    /// An attack that nothing stops here.
    pub(super) fn to_get_through(&self) -> Reached {
        if self.is_lost_on_the_host() {
            let reason = "on this host the sandbox that opens the hole cannot run a build";
            return (Seen::NotRun, Verdict::Unsupported, Some(reason.to_owned()));
        }
        if let Some(end) = self.cut_off() {
            return end;
        }
        let fired = self.observed.findings.iter().find(|finding| finding.declared);
        if let Some(fired) = fired {
            if let Some(contaminated) = &self.observed.contaminated {
                return error(contaminated.clone());
            }
            if let Some(why) = self.deaf(&fired.oracle) {
                return vacuous(why);
            }
            // An oracle that fires before the attack was tried saw something else.
            if let Some(mark) = self.missing_mark() {
                return vacuous(format!(
                    "`{}` fired, but the mark `{mark}` did not arrive",
                    fired.oracle
                ));
            }
            return (Seen::Escaped, Verdict::Ok, None);
        }
        if let Some(end) = self.not_run().or_else(|| self.broke()) {
            return end;
        }
        if let Some(stray) = self.observed.findings.first() {
            return vacuous(format!(
                "its own oracles stayed silent, but `{}` fired: {}",
                stray.oracle, stray.evidence
            ));
        }
        if self.preconditions.control == Control::Itself {
            if self.is_stopped_by_the_host() {
                let reason = "this host stops the attack without any sandbox".to_owned();
                return (Seen::NotRun, Verdict::Unsupported, Some(reason));
            }
            return vacuous(format!(
                "the attack did not get through at its control level: {}",
                self.how_it_ended()
            ));
        }
        if let Some(end) = self.unmet_precondition() {
            return end;
        }
        let reason = "no layer that should stop it is on at this level".to_owned();
        (Seen::Blocked, Verdict::UnexpectedBlock, Some(reason))
    }

    /// A trial without an end. What was not seen may have been about to come, and what was seen may
    /// only not have been cleared away yet, so it is neither a block nor an escape. Only an attack
    /// that consists of not ending is judged by what the clock showed when all was dead.
    fn cut_off(&self) -> Option<Reached> {
        let run = &self.observed.run;
        if !run.timed_out || self.trial.attack.run.waits || self.observed.unsupported.is_some() {
            return None;
        }
        let seen: Vec<_> = self
            .observed
            .findings
            .iter()
            .map(|finding| format!("; `{}` had fired: {}", finding.oracle, finding.evidence))
            .collect();
        Some(error(format!("it was cut off at its deadline{}", seen.concat())))
    }

    /// Nothing was run, as far as anybody can tell.
    fn not_run(&self) -> Option<Reached> {
        let run = &self.observed.run;
        if let Some(reason) = &self.observed.unsupported {
            return Some((Seen::NotRun, Verdict::Unsupported, Some(reason.clone())));
        }
        let refusal = run.refused.as_ref()?;
        if run.marks.is_empty() {
            return Some((Seen::NotRun, Verdict::Unsupported, Some(refusal.clone())));
        }
        // A payload can end with 125 too; a refusal after a mark is none.
        Some(error(format!("the target said that nothing was run, but a mark arrived: {refusal}")))
    }

    fn broke(&self) -> Option<Reached> {
        let broken = self.observed.contaminated.as_ref().or(self.observed.run.broken.as_ref());
        broken.map(|reason| error(reason.clone()))
    }

    /// Whether the attack was tried in full, without a sandbox, on a host that refuses things to
    /// everybody. What is seen there says nothing about a sandbox. That the attack works at all is
    /// shown by the host `root`, which refuses nothing.
    fn is_stopped_by_the_host(&self) -> bool {
        self.trial.level == Level::None
            && Profile::of(&self.trial.host).refuses()
            && !self.observed.run.timed_out
            && self.missing_mark().is_none()
            && self.trial.attack.oracles.iter().all(|oracle| self.deaf(&oracle.id).is_none())
    }

    /// Whether another sandbox, which is the control, cannot do its work on a host that refuses
    /// things to everybody: the build did not come to where it tries something.
    fn is_lost_on_the_host(&self) -> bool {
        self.preconditions.control == Control::Itself
            && matches!(self.trial.sandbox, Sandbox::Command(_))
            && Profile::of(&self.trial.host).refuses()
            && self.missing_mark().is_some()
    }

    /// A condition of `blocked` that does not hold.
    fn unmet_precondition(&self) -> Option<Reached> {
        if let Some(mark) = self.missing_mark() {
            return Some(vacuous(format!(
                "the mark `{mark}` did not arrive: {}",
                self.how_it_ended()
            )));
        }
        let oracles = &self.trial.attack.oracles;
        if let Some(why) = oracles.iter().find_map(|oracle| self.deaf(&oracle.id)) {
            return Some(vacuous(why));
        }
        match &self.preconditions.control {
            Control::Itself => {
                return Some(vacuous(
                    "the control level is expected to stop the attack".to_owned(),
                ));
            }
            Control::Silent(why) => {
                return Some(vacuous(format!("not shown to work at its control level: {why}")));
            }
            Control::Unsupported(why) => {
                let reason = format!("its control level cannot be run here: {why}");
                return Some((Seen::NotRun, Verdict::Unsupported, Some(reason)));
            }
            Control::Escaped => {}
        }
        match &self.preconditions.honest {
            Honest::Built => None,
            Honest::Broken(names) => Some(vacuous(format!("{UNUSABLE}: {}", names.join(", ")))),
            Honest::Untried => Some(vacuous("no honest build was tried at this level".to_owned())),
        }
    }

    fn missing_mark(&self) -> Option<&str> {
        let arrived = &self.observed.run.marks;
        self.trial.attack.run.marks.iter().find(|mark| !arrived.contains(mark)).map(String::as_str)
    }

    /// Why the oracle cannot be relied on.
    fn deaf(&self, oracle: &str) -> Option<String> {
        let Some(test) = self.observed.self_tests.iter().find(|test| test.oracle == oracle) else {
            return Some(format!("the oracle `{oracle}` was not tested"));
        };
        let failure = test.failure.as_ref()?;
        Some(format!("the oracle `{oracle}` did not notice a seeded event: {failure}"))
    }

    fn how_it_ended(&self) -> String {
        let run = &self.observed.run;
        if run.timed_out {
            return "it was cut off at its deadline".to_owned();
        }
        match run.hooks.iter().find(|end| !end.returned) {
            Some(end) => format!(
                "{} ended with {}",
                end.hook,
                end.exception.as_deref().unwrap_or("no return value")
            ),
            None if self.expected == Expected::Built => "there is no artefact".to_owned(),
            None => "the build ended".to_owned(),
        }
    }
}
