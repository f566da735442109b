//! Demands that this host, or any host, cannot meet: each with its cause and its remedy.
#![forbid(unsafe_code)]

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::layers::{landlock, limits};
use crate::policy::IdentityChoice;
use crate::policy::levels::Level;
use crate::words::Guarantee;

/// A demand that this host, or any host, cannot meet.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Level `none` outside the lab.
    #[error(
        "level `none` is the control of an experiment and runs only inside the harness's lab; \
         choose `network`, `proposal` or `full`"
    )]
    BareOutsideLab,
    /// Another processor.
    #[error("the architecture {0} is not supported; x86_64 and aarch64 are")]
    Machine(String),
    /// Another time.
    #[error("Linux {}.{} is too old; 5.13 or later is needed", .0.0, .0.1)]
    Kernel((u32, u32)),
    /// There is no `/proc`, or another's.
    #[error(
        "/proc does not show this process, and no build can be started or watched without it; mount \
         it with `mount -t proc proc /proc`"
    )]
    NoProc,
    /// The level is made of namespaces, and the host has none.
    #[error(
        "the level `{level}` is made of namespaces, and {cause}; use the level `full`, which has \
         other means too, or see `bulkhead doctor` for the remedy"
    )]
    NoNamespaces {
        /// The level.
        level: Level,
        /// Why there are none.
        cause: String,
    },
    /// Neither of the two plans.
    #[error(
        "{cause}, and this kernel has no Landlock to hold files by instead; see `bulkhead doctor` \
         for the remedies, or go without with `--best-effort`"
    )]
    NothingHolds {
        /// Why there are no namespaces.
        cause: String,
    },
    /// An identity that needs root.
    #[error(
        "{} needs root with CAP_SETUID, CAP_SETGID and CAP_CHOWN, and the caller is uid {uid}; run \
         as root, or use `--level full` with `--identity caller`, which needs neither",
        .identity.text()
    )]
    IdentityNeedsRoot {
        /// What was asked for.
        identity: IdentityChoice,
        /// The caller.
        uid: u32,
    },
    /// No uid of the range may be leased.
    #[error("no uid from {first} to {last} is known to be free of accounts and subordinate ranges (by /etc/passwd, /etc/subuid and /proc/self/uid_map); name others with `--uids`", first = .0.start(), last = .0.end())]
    NoFreeUid(RangeInclusive<u32>),
    /// The working directory is the root of the file system.
    #[error(
        "the working directory is /, and a build works in a private copy of its working directory; \
         change to the build's own first (`cd`, or `docker run --workdir DIR`)"
    )]
    WholeSystem,
    /// Something of the caller's is to be written, and neither mounts nor the user allow it.
    #[error(
        "{} cannot be written by a leased uid where namespaces are refused; add `--identity \
         caller`, or let the build write to its working directory alone",
        .0.display()
    )]
    Writable(PathBuf),
    /// A combination of layers without meaning.
    #[error("{0}")]
    Meaningless(&'static str),
    /// The kernel has no Landlock.
    #[error("{0}; or do without it with `--without landlock`")]
    Landlock(#[from] landlock::Unresolvable),
    /// A limit that the caller demands cannot be set.
    #[error("{0}; {remedy}, and `--best-effort` takes what can be set", remedy = .0.remedy())]
    Limit(#[from] limits::Unsettable),
    /// Guarantees that the caller requires are not held; each with what of it is missing.
    #[error("required and not held here: {}; see `bulkhead doctor`", listed(.0))]
    NotHeld(Vec<(Guarantee, String)>),
    /// The program is not there.
    #[error(transparent)]
    Payload(#[from] crate::payload::PayloadError),
}

/// Each guarantee with what of it is missing.
fn listed(missing: &[(Guarantee, String)]) -> String {
    let each = missing.iter().map(|(guarantee, why)| format!("`{guarantee}` ({why})"));
    each.collect::<Vec<_>>().join(", ")
}
