//! What was found on one host by one caller, and whether what the doctor says is that.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::host::Least;

/// What `checks.py` prints.
#[derive(Debug, Deserialize)]
pub struct Found {
    /// What `bulkhead doctor` says.
    pub doctor: Doctor,
    /// A run of `id`.
    pub run: Ended,
    /// The same with `--require all`.
    pub require: Ended,
    /// A hook that builds a wheel.
    pub hook: Ended,
    /// A run with `--scratch`.
    pub scratch: Ended,
    /// Memory, processes and time: `held`, `exceeded` or `refused`.
    pub limits: BTreeMap<String, String>,
    /// What works for a hostile build.
    pub attempts: Attempts,
    /// What differs in the host's mount table afterwards.
    pub mounts: Vec<String>,
}

/// How a command ended.
#[derive(Debug, Deserialize)]
pub struct Ended {
    /// Its exit status.
    pub status: i32,
    /// What it said.
    #[serde(default)]
    pub errors: String,
}

/// A diagnosis.
#[derive(Debug, Deserialize)]
pub struct Doctor {
    full: Verdict,
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    plan: Option<String>,
    identity: Option<String>,
    #[serde(default)]
    guarantees: BTreeMap<String, Holding>,
}

#[derive(Debug, Deserialize)]
struct Holding {
    holding: String,
}

#[derive(Debug, Deserialize)]
struct Finding {
    cause: String,
}

/// Names of attempts that worked.
#[derive(Debug, Deserialize)]
pub struct Attempts {
    plain: Vec<String>,
    held: Vec<String>,
    errors: String,
}

/// Which guarantee forbids an attempt of `tests/engines/scripts/attempts.py`.
const FORBIDDEN: [(&str, &[&str]); 8] = [
    (
        "secrets",
        &["read-file", "read-environment", "read-memory", "inherit-variable", "inherit-descriptor"],
    ),
    ("network", &["reach-service", "socket-vsock", "socket-abstract", "socket-named"]),
    (
        "processes",
        &["see-process", "signal-process", "trace-process", "read-process", "learn-hostname"],
    ),
    ("files", &["write-file", "write-profile", "change-mode"]),
    (
        "privileges",
        &[
            "set-uid",
            "set-uid-fchmodat2",
            "capability",
            "new-privileges",
            "io-uring",
            "user-namespace",
        ],
    ),
    ("resources", &["core-file", "file-size"]),
    ("neighbours", &["shared-memory"]),
    ("remnants", &["find-leftovers"]),
];

/// The fewest attempts that work where nothing is in the way; with fewer, the rest shows nothing.
const CONTROL: usize = 18;

impl Found {
    /// The plan and whose user the build has, as the doctor says.
    pub fn plan(&self) -> String {
        match (&self.doctor.full.plan, &self.doctor.full.identity) {
            (Some(plan), Some(identity)) => format!("{plan}, {identity}"),
            _ => "refused".to_owned(),
        }
    }

    /// What the doctor says stands in the way.
    pub fn causes(&self) -> String {
        let causes: Vec<_> = self.doctor.findings.iter().map(|it| it.cause.as_str()).collect();
        causes.join(", ")
    }

    fn says(&self, guarantee: &str) -> &str {
        self.doctor.full.guarantees.get(guarantee).map_or("not held", |it| &it.holding)
    }

    /// The guarantees that the doctor does not call held.
    pub fn lacking(&self) -> Vec<String> {
        let guarantees = self.doctor.full.guarantees.iter();
        guarantees.filter(|(_, it)| it.holding != "held").map(|(name, _)| name.clone()).collect()
    }

    /// What works behind the sandbox.
    pub fn worked(&self) -> &[String] {
        &self.attempts.held
    }

    /// Everything that is not as the doctor says, or less than `least`.
    pub fn wrong(&self, least: Least) -> Vec<String> {
        let mut wrong = Vec::new();
        let plan = self.doctor.full.plan.as_deref();
        let enough = match least {
            Least::Namespaced => plan == Some("namespaced"),
            Least::Contained => plan.is_some(),
            Least::Refused => plan.is_none(),
        };
        if !enough {
            wrong.push(format!("the doctor has only this plan: {}", self.plan()));
        }
        if plan.is_none() {
            let refused = self.run.status == 125;
            return if refused { wrong } else { vec!["refused, but a run runs".to_owned()] };
        }
        for (name, ended) in
            [("run", &self.run), ("hook", &self.hook), ("--scratch", &self.scratch)]
        {
            if ended.status != 0 {
                wrong.push(format!(
                    "a plan, but {name} ends with {}: {}",
                    ended.status,
                    ended.why()
                ));
            }
        }
        let demanded = if self.lacking().is_empty() { 0 } else { 125 };
        if self.require.status != demanded {
            let (status, why) = (self.require.status, self.require.why());
            wrong.push(format!("--require all ends with {status}, not {demanded}: {why}"));
        }
        if !self.lacking().is_empty() && self.doctor.findings.is_empty() {
            let lacking = self.lacking().join(", ");
            wrong.push(format!(
                "not held: {lacking}; the doctor says that nothing stands in the way"
            ));
        }
        self.attempts_wrong(&mut wrong);
        self.limits_wrong(&mut wrong);
        if !self.mounts.is_empty() {
            wrong.push(format!("mounts were left on the host: {}", self.mounts.join("; ")));
        }
        wrong
    }

    fn attempts_wrong(&self, wrong: &mut Vec<String>) {
        if !self.attempts.errors.is_empty() {
            wrong.push(format!("the attempts could not be tried: {}", last(&self.attempts.errors)));
            return;
        }
        if self.attempts.plain.len() < CONTROL {
            let plain = self.attempts.plain.join(", ");
            wrong.push(format!("too little works without the sandbox: {plain}"));
        }
        for (guarantee, attempts) in FORBIDDEN {
            let worked = self.attempts.held.iter().filter(|it| attempts.contains(&it.as_str()));
            let worked: Vec<_> = worked.map(String::as_str).collect();
            if self.says(guarantee) == "held" && !worked.is_empty() {
                wrong.push(format!(
                    "`{guarantee}` is called held, but works: {}",
                    worked.join(", ")
                ));
            }
        }
    }

    fn limits_wrong(&self, wrong: &mut Vec<String>) {
        let held = self.says("resources") == "held";
        for (limit, became) in &self.limits {
            if became == "exceeded"
                || (became != "held" && held)
                || (limit == "time" && became != "held")
            {
                wrong.push(format!("the limit of {limit} is {became}"));
            }
        }
    }
}

impl Ended {
    /// The last line of what it said.
    pub fn why(&self) -> String {
        last(&self.errors)
    }
}

fn last(text: &str) -> String {
    text.trim().lines().last().unwrap_or_default().to_owned()
}
