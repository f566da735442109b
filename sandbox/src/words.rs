//! The two axes of the project: what a build is held to (guarantees) and what holds it (layers).
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

/// What a sandboxed build can be relied on not to do.
///
/// The same nine words name the folders of `attacks/`, the oracles of the harness and the
/// sections of the threat model; a test compares the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// It cannot read a credential: files, variables, agents, keyrings, metadata services.
    Secrets,
    /// It reaches nothing: no packet, name look-up, host service, abstract or host socket.
    Network,
    /// It sees, signals, traces and shares memory with nobody outside.
    Processes,
    /// It changes nothing on the host beyond its declared outputs.
    Files,
    /// It gains no capability, set-id, nested namespace or dangerous system call.
    Privileges,
    /// It is bounded: memory, processes, disk, files, time, log.
    Resources,
    /// It cannot influence another build, before, after or beside it.
    Neighbours,
    /// It leaves nothing behind, even if its supervisor is killed with SIGKILL.
    Remnants,
    /// It hands over only what it claims to hand over.
    Artefacts,
}

impl Guarantee {
    /// Every guarantee, in the order of the threat model.
    pub const ALL: [Self; 9] = [
        Self::Secrets,
        Self::Network,
        Self::Processes,
        Self::Files,
        Self::Privileges,
        Self::Resources,
        Self::Neighbours,
        Self::Remnants,
        Self::Artefacts,
    ];

    /// The word itself, as it stands in paths and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Network => "network",
            Self::Processes => "processes",
            Self::Files => "files",
            Self::Privileges => "privileges",
            Self::Resources => "resources",
            Self::Neighbours => "neighbours",
            Self::Remnants => "remnants",
            Self::Artefacts => "artefacts",
        }
    }
}

/// One mechanism of the sandbox; each is a file under `sandbox/src/layers/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// A user namespace with one mapped user, so that no capability reaches the host.
    Userns,
    /// A kernel uid that belongs to no account and to no other build.
    Identity,
    /// An environment built from an allow list.
    Environment,
    /// A network namespace of its own with only loopback.
    Network,
    /// A process namespace with a reaping init.
    Pid,
    /// A fresh `/proc` of that process namespace.
    Proc,
    /// A namespace of its own for System V objects and message queues.
    Ipc,
    /// The host name `localhost`.
    Hostname,
    /// A new root directory from an empty tmpfs and an allow list.
    Mounts,
    /// No capability, no way to gain one.
    Privileges,
    /// A system call filter that denies by default.
    Syscalls,
    /// File and scope rules of the Landlock security module.
    Landlock,
    /// Bounds on memory, processes, files, time and output.
    Limits,
    /// No inherited descriptor beyond the declared ones.
    Descriptors,
    /// No controlling terminal and an empty session keyring.
    Session,
    /// The death of the supervisor ends everything.
    Leash,
    /// Outputs are checked as hostile input and copied out.
    Harvest,
}

impl Layer {
    /// Every layer, in the order in which the design introduces them.
    pub const ALL: [Self; 17] = [
        Self::Userns,
        Self::Identity,
        Self::Environment,
        Self::Network,
        Self::Pid,
        Self::Proc,
        Self::Ipc,
        Self::Hostname,
        Self::Mounts,
        Self::Privileges,
        Self::Syscalls,
        Self::Landlock,
        Self::Limits,
        Self::Descriptors,
        Self::Session,
        Self::Leash,
        Self::Harvest,
    ];

    /// The word itself, as it stands in manifests and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Userns => "userns",
            Self::Identity => "identity",
            Self::Environment => "environment",
            Self::Network => "network",
            Self::Pid => "pid",
            Self::Proc => "proc",
            Self::Ipc => "ipc",
            Self::Hostname => "hostname",
            Self::Mounts => "mounts",
            Self::Privileges => "privileges",
            Self::Syscalls => "syscalls",
            Self::Landlock => "landlock",
            Self::Limits => "limits",
            Self::Descriptors => "descriptors",
            Self::Session => "session",
            Self::Leash => "leash",
            Self::Harvest => "harvest",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of layers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LayerSet(u32);

impl LayerSet {
    /// No layer at all.
    pub const EMPTY: Self = Self(0);
    /// All seventeen.
    pub const ALL: Self = Self((1 << Layer::ALL.len()) - 1);

    /// The set of exactly these layers.
    #[must_use]
    pub const fn of(layers: &[Layer]) -> Self {
        let mut bits = 0;
        let mut rest = layers;
        while let [first, tail @ ..] = rest {
            bits |= first.bit();
            rest = tail;
        }
        Self(bits)
    }

    /// Whether `layer` is in the set.
    #[must_use]
    pub const fn has(self, layer: Layer) -> bool {
        self.0 & layer.bit() != 0
    }

    /// The set with `layer` added.
    #[must_use]
    pub const fn with(self, layer: Layer) -> Self {
        Self(self.0 | layer.bit())
    }

    /// The set with `layer` removed.
    #[must_use]
    pub const fn without(self, layer: Layer) -> Self {
        Self(self.0 & !layer.bit())
    }

    /// The layers that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no layer is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The layers of the set, in the order of [`Layer::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Layer> {
        Layer::ALL.into_iter().filter(move |layer| self.has(*layer))
    }
}

impl FromIterator<Layer> for LayerSet {
    fn from_iter<I: IntoIterator<Item = Layer>>(layers: I) -> Self {
        layers.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Layer::name)).finish()
    }
}

impl fmt::Display for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Layer::name).collect();
        f.write_str(&names.join(" "))
    }
}

/// A word that is not in the vocabulary, with the nearest one that is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} `{word}`{}; known: {known}", hint(.nearest.as_deref()))]
pub struct UnknownWord {
    /// What was asked for: `layer`, `guarantee` or `level`.
    pub kind: &'static str,
    /// The word as it was given.
    pub word: String,
    /// The nearest known word, if one is near.
    pub nearest: Option<String>,
    /// All known words, separated by blanks.
    pub known: String,
}

impl UnknownWord {
    /// How many letters of a suggestion may be wrong.
    pub const MOST_WRONG: usize = 3;

    /// The error for `word`, with a suggestion from `known`.
    #[must_use]
    pub fn new(kind: &'static str, word: &str, known: &[&str]) -> Self {
        let nearest = nearest(word, known, Self::MOST_WRONG).map(str::to_owned);
        Self { kind, word: word.to_owned(), nearest, known: known.join(" ") }
    }
}

/// The word of `known` that is nearest to `word`: no more than `most` of its letters are wrong, and
/// not all of them. Of two that are as near it is the one that begins as `word` does.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str], most: usize) -> Option<&'a str> {
    let same = |known: &str| word.chars().zip(known.chars()).take_while(|(a, b)| a == b).count();
    let letters = word.chars().count();
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), Reverse(same(known)), *known))
        .filter(|(wrong, _, known)| {
            *wrong <= most && *wrong < known.chars().count() && *wrong < letters.max(1)
        })
        .min()
        .map(|(_, _, known)| known)
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|word| format!(", did you mean `{word}`?")).unwrap_or_default()
}

macro_rules! spoken {
    ($type:ty, $kind:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                <$type>::ALL.into_iter().find(|known| known.name() == word).ok_or_else(|| {
                    let known: Vec<_> = <$type>::ALL.into_iter().map(<$type>::name).collect();
                    UnknownWord::new($kind, word, &known)
                })
            }
        }
    };
}
pub(crate) use spoken;

spoken!(Guarantee, "guarantee");
spoken!(Layer, "layer");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_has_its_own_bit() {
        for layer in Layer::ALL {
            assert_eq!(LayerSet::of(&[layer]).iter().collect::<Vec<_>>(), [layer]);
        }
        assert_eq!(LayerSet::ALL.iter().count(), 17);
    }

    #[test]
    fn a_misspelt_word_is_answered_with_the_nearest() {
        let error = "mount".parse::<Layer>().unwrap_err();
        assert_eq!(error.nearest.as_deref(), Some("mounts"));
        assert!(error.to_string().contains("did you mean `mounts`?"));
    }

    #[test]
    fn a_word_of_which_no_letter_is_right_is_not_near() {
        assert_eq!(nearest("owm", &["box", "own"], 3), Some("own"));
        assert_eq!(nearest("abc", &["own"], 3), None);
        assert_eq!(nearest("docker", &["doctor", "run"], 1), None);
    }
}
