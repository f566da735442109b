//! The lists that the catalogue is held against.
#![forbid(unsafe_code)]

use serde::Deserialize;

/// What is known of attacks on builds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lists {
    /// The rows of the survey, in its order.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
    /// The probes of the proof of concept, in its order.
    #[serde(rename = "probe")]
    pub probes: Vec<Probe>,
    /// The incidents, by date.
    #[serde(rename = "incident")]
    pub incidents: Vec<Incident>,
    /// What is out of scope.
    pub covert: Vec<String>,
}

/// One technique.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name, as `catalogue` spells it.
    pub key: String,
    /// It is one of those that had to be reproduced first.
    #[serde(default)]
    pub first_wave: bool,
    /// Why no attack reproduces it.
    pub left_out: Option<String>,
}

/// One probe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What it tries.
    pub title: String,
    /// The rows that are its counterparts.
    pub rows: Vec<String>,
}

/// One incident.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// When, as far as is known: `2018-10` or `2021-10-22`.
    pub date: String,
    /// What it is called, as the references of attacks spell it.
    pub title: String,
    /// When its code ran.
    pub ran: Vec<Moment>,
    /// Why no attack names it.
    pub note: Option<String>,
}

/// When foreign code ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// While a package was built or installed.
    Build,
    /// When it was imported, or an interpreter started.
    Import,
    /// In a CI job, beside the build.
    Job,
}

impl Moment {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Import => "import",
            Self::Job => "job",
        }
    }
}

impl Lists {
    /// The lists that stand beside this file.
    ///
    /// # Errors
    /// When they do not have the form above; a test reads them.
    pub fn known() -> Result<Self, toml::de::Error> {
        toml::from_str(include_str!("lists.toml"))
    }
}
