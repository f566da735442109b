//! What each layer is worth, as it is written to a file.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use sandbox::Layer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Word, read, write};

/// The name of this form of an ablation.
pub const ABLATION: &str = "harness.ablation/1";

/// Which layers stop which attack alone: deterministic, committed, compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    /// [`ABLATION`].
    pub schema: String,
    /// The lab profile.
    pub host: String,
    /// The sandbox whose layers were switched off.
    pub target: String,
    /// Every attack that the strongest level stops, by its id.
    pub attacks: BTreeMap<String, Ablated>,
}

/// What became of one attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ablated {
    /// The digest of its folder.
    pub fixture: String,
    /// How many layers stop it alone.
    pub depth: usize,
    /// Without any of the layers that must stop it: it must escape.
    pub bare: Trial,
    /// With only one of them, by that layer.
    #[serde(flatten)]
    pub alone: BTreeMap<By, Trial>,
}

/// One configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What was seen.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub outcome: Shown,
    /// Why nothing was, or why it is not clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a configuration has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// The attack did not get through.
    Blocked,
    /// It got through.
    Escaped,
    /// The sandbox does not run in this configuration, or this machine cannot try it.
    Refused,
    /// The trial proves nothing.
    Unclear,
}

impl Shown {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Blocked, Self::Escaped, Self::Refused, Self::Unclear];

    /// The word, as it stands in ablations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Escaped => "escaped",
            Self::Refused => "refused",
            Self::Unclear => "unclear",
        }
    }
}

impl Word for Shown {
    const KIND: &'static str = "outcome";
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.name()
    }
}

impl Word for Layer {
    const KIND: &'static str = "layer";
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.name()
    }
}

/// A layer as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct By(pub Layer);

impl Serialize for By {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Self)
    }
}
