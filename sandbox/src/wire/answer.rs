//! What `bulkhead` answers a program for which it launches: that the payload runs, and how it ended.
#![forbid(unsafe_code)]

use std::time::Duration;

use serde_json::{Value, json};

use super::end_json;
use crate::outcome::{Clock, End, Outcome};
use crate::plain::plain;
use crate::plan::{Plan, PlanKind};
use crate::step::Step;
use crate::words::{Layer, LayerSet};

/// An answer. There is at most one that it began or did not, and then one that it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Every layer has been seen, and the payload is let through.
    Started(Started),
    /// The payload was not started, and will not be.
    NotStarted {
        /// The step of the launch that failed; none where it was refused before.
        step: Option<Step>,
        /// Why, in one sentence.
        cause: String,
        /// The status that the program would exit with: 125, or 127 for a missing command.
        status: u8,
    },
    /// It is over.
    Ended(Outcome),
}

/// What is known of a payload that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// How the guarantees are held.
    pub plan: PlanKind,
    /// What the layers hold only partly on this host, one sentence each.
    pub partly: Vec<String>,
}

impl Started {
    /// What there is to say of a payload that runs under `plan`.
    #[must_use]
    pub fn under(plan: &Plan) -> Self {
        Self { plan: plan.kind, partly: plan.notes.clone() }
    }
}

/// The document for an answer.
#[must_use]
pub fn answer_json(answer: &Answer) -> String {
    let document = match answer {
        Answer::Started(Started { plan, partly }) => {
            json!({ "started": { "plan": plan.name(), "partly": partly } })
        }
        Answer::NotStarted { step, cause, status } => {
            let step = step.map(Step::number);
            let cause = plain(cause);
            json!({ "not-started": { "step": step, "cause": cause, "status": status } })
        }
        Answer::Ended(outcome) => json!({ "ended": {
            "end": end_json(&outcome.end),
            "exit_status": outcome.end.exit_status(),
            "elapsed_ns": u64::try_from(outcome.elapsed.as_nanos()).unwrap_or(u64::MAX),
            "peak_memory": outcome.peak_memory,
            "enforced": outcome.enforced.iter().map(Layer::name).collect::<Vec<_>>(),
        } }),
    };
    document.to_string()
}

/// The answer that a document is; none when it is no such document.
#[must_use]
pub fn read_answer(document: &str) -> Option<Answer> {
    let document: Value = serde_json::from_str(document).ok()?;
    let (kind, body) = document.as_object()?.iter().next()?;
    match kind.as_str() {
        "started" => started(body).map(Answer::Started),
        "not-started" => not_started(body),
        "ended" => ended(body).map(Answer::Ended),
        _ => None,
    }
}

fn started(body: &Value) -> Option<Started> {
    let name = body.get("plan")?.as_str()?;
    Some(Started {
        plan: PlanKind::ALL.into_iter().find(|kind| kind.name() == name)?,
        partly: body.get("partly")?.as_array()?.iter().filter_map(text).collect(),
    })
}

fn not_started(body: &Value) -> Option<Answer> {
    let step = body.get("step")?.as_u64().and_then(|number| u16::try_from(number).ok());
    Some(Answer::NotStarted {
        step: step.and_then(Step::from_number),
        cause: text(body.get("cause")?)?,
        status: byte(body.get("status")?)?,
    })
}

fn ended(body: &Value) -> Option<Outcome> {
    let elapsed = Duration::from_nanos(body.get("elapsed_ns")?.as_u64()?);
    let mut outcome = Outcome::new(end(body)?, elapsed);
    outcome.peak_memory = body.get("peak_memory")?.as_u64();
    for layer in body.get("enforced")?.as_array()? {
        let layer: Layer = layer.as_str()?.parse().ok()?;
        outcome.enforced = LayerSet::with(outcome.enforced, layer);
    }
    Some(outcome)
}

fn end(body: &Value) -> Option<End> {
    let status = byte(body.get("exit_status")?)?;
    let end = body.get("end")?;
    if let Some(word) = end.as_str() {
        let words =
            [("out-of-memory", End::OutOfMemory), ("too-many-processes", End::TooManyProcesses)];
        return words.into_iter().find_map(|(known, end)| (known == word).then_some(end));
    }
    let (kind, details) = end.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "exited" => End::Exited(byte(details.get("status")?)?),
        "signalled" => End::Signalled(byte(details.get("signal")?)?),
        "timed-out" => {
            let word = details.as_str()?;
            End::TimedOut(Clock::ALL.into_iter().find(|clock| clock.name() == word)?)
        }
        "output-refused" => End::OutputRefused {
            file: text(details.get("file")?)?,
            why: text(details.get("why")?)?,
        },
        "not-started" => {
            let name = details.get("step")?.as_str();
            let known = Step::ALL.iter().map(|step| step.text());
            let step = name.and_then(|name| known.into_iter().find(|known| *known == name));
            End::NotStarted { step, cause: text(details.get("cause")?)?, status }
        }
        _ => return None,
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn byte(value: &Value) -> Option<u8> {
    value.as_u64().and_then(|number| u8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_arrives_as_it_was_given() {
        let text = || "a \"b\"\n: c".to_owned();
        let ends = [
            End::Exited(0),
            End::Exited(255),
            End::Signalled(9),
            End::TimedOut(Clock::Wall),
            End::TimedOut(Clock::Cpu),
            End::TimedOut(Clock::Silence),
            End::OutOfMemory,
            End::TooManyProcesses,
            End::OutputRefused { file: text(), why: text() },
            End::NotStarted { step: Some(Step::Exec.text()), cause: text(), status: 127 },
            End::NotStarted { step: None, cause: text(), status: 125 },
        ];
        let ended = ends.map(|end| {
            let mut outcome = Outcome::new(end, Duration::from_nanos(1_234_567_891));
            outcome.peak_memory = Some(1 << 40);
            outcome.enforced = LayerSet::EMPTY.with(Layer::Mounts).with(Layer::Syscalls);
            Answer::Ended(outcome)
        });
        let others = [
            Answer::Started(Started { plan: PlanKind::Contained, partly: vec![text()] }),
            Answer::NotStarted { step: Some(Step::Clone), cause: text(), status: 125 },
            Answer::NotStarted { step: None, cause: text(), status: 127 },
        ];
        for answer in ended.into_iter().chain(others) {
            assert_eq!(read_answer(&answer_json(&answer)), Some(answer));
        }
    }

    #[test]
    fn no_sentence_of_an_answer_holds_a_command() {
        let text = || "x\u{1b}[2J\n::add-path::/x ##vso[task.x]".to_owned();
        let ends = [
            End::OutputRefused { file: text(), why: text() },
            End::NotStarted { step: None, cause: text(), status: 125 },
        ];
        let ended = ends.map(|end| Answer::Ended(Outcome::new(end, Duration::ZERO)));
        let other = Answer::NotStarted { step: None, cause: text(), status: 125 };
        for answer in ended.into_iter().chain([other]) {
            let document = answer_json(&answer);
            assert!(document.contains("x\\n: :add-path::/x ##vso [task.x]"), "{document}");
            assert!(!document.contains("\\u001b") && !document.contains("##vso["), "{document}");
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for document in ["", "{}", "[]", "{\"ended\":{}}", "{\"started\":{\"plan\":\"x\"}}", "1"] {
            assert_eq!(read_answer(document), None, "{document}");
        }
    }
}
