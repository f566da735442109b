//! Who looks, from outside the sandbox, whether an attack got through.
#![forbid(unsafe_code)]

/// Something that an oracle saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The oracle's id in the manifest, or `tripwire/<name>` for one that nobody declared.
    pub oracle: String,
    /// Whether the manifest declares it.
    pub declared: bool,
    /// What was seen: one sentence for a person, without live canaries.
    pub evidence: String,
}

/// Whether an oracle noticed a seeded event just before the trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// The oracle's id.
    pub oracle: String,
    /// Why it did not notice; `None` when it did.
    pub failure: Option<String>,
}

/// Everything that is known of a trial once it is over.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// What happened.
    pub run: crate::target::Run,
    /// What the oracles saw, sorted.
    pub findings: Vec<Finding>,
    /// Whether the oracles were awake.
    pub self_tests: Vec<SelfTest>,
    /// The machine lacks something that the trial needs: one sentence. Nothing was run.
    pub unsupported: Option<String>,
    /// The lab leaked or the host changed: one sentence.
    pub contaminated: Option<String>,
    /// The live canaries of the trial; no output may contain them.
    pub canaries: Vec<String>,
}
