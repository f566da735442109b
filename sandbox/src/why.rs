//! Why a build failed, as far as that lies in the sandbox: what it asked for and did not get.
//!
//! With `--why` the supervisor follows every process of the build (`ptrace(2)`) and writes down the
//! calls that failed and would not have failed on the host: `recorder`. When the build is over, what
//! was written down becomes findings, the most likely cause first: [`findings`]. The build's own word
//! counts for nothing in it, but what a build asks for it chooses: so a finding is told to the caller
//! and to nobody else, and none proposes to grant what looks like a secret.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

use crate::plain::plain;
use crate::words::Layer;

mod address;
mod calls;
mod causes;
mod findings;
mod host;
mod obstacles;
mod offers;
mod order;
mod recorder;
mod remote;
mod secrets;

pub use findings::findings;
pub use obstacles::Trace;
pub use recorder::Recorder;

/// How many findings are given.
pub const MOST: usize = 24;

/// One thing that a build did not get, or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it was, as one clause.
    pub text: String,
    /// The layer behind it.
    pub layer: Layer,
    /// What would help: an option of the command line or of a policy, where there is one.
    pub switch: Option<String>,
    /// How often it was met; 0 where it was not met but follows from what is known.
    pub times: u64,
    /// Whether it stands in the way that led to the failure.
    pub likely: bool,
}

impl Finding {
    /// It as one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { text, layer, switch, .. } = self;
        // Where a limit has ended the build, the sentence says it. Names in it have no backtick.
        let new = switch.as_ref().filter(|switch| !text.contains(&format!("`{switch}`")));
        let helps = new.map_or_else(String::new, |switch| format!("; `{switch}` helps"));
        // A name may have anything in it, and is one line all the same.
        let line = format!("{text} (layer `{layer}`){helps}");
        line.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect()
    }

    fn json(&self) -> Value {
        json!({
            "cause": plain(&self.text),
            "layer": self.layer.name(),
            "switch": self.switch.as_deref().map(plain),
            "times": self.times,
            "likely": self.likely,
        })
    }
}

/// The findings as a JSON value, in their order.
#[must_use]
pub fn findings_json(findings: &[Finding]) -> Value {
    Value::Array(findings.iter().map(Finding::json).collect())
}
