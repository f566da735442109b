//! The groups of the table: what they allow or refuse, and why.
#![forbid(unsafe_code)]

use super::numbers::Call;
use super::rules::Check;
use super::{Choice, Decision, Rule};

macro_rules! calls {
    ($($name:ident)*) => {
        &[$(crate::policy::syscalls::numbers::$name),*]
    };
}

mod allowed;
mod checked;
mod refused;

/// What a group says about its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The same whatever the arguments are.
    Always(Decision),
    /// It depends on the arguments.
    Arguments(&'static Check),
    /// The first where the policy has made this choice, else the second.
    Chosen(Choice, Rule, Rule),
    /// That of the first of these choices that the policy has made, else the last.
    First(&'static [(Choice, Rule)], Rule),
}

/// Calls that share a decision and a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// A short name.
    pub name: &'static str,
    /// The decision.
    pub when: When,
    /// The reason.
    pub why: &'static str,
    /// The calls.
    pub calls: &'static [Call],
}

/// Every group. A call stands in one of them, or does not exist for the payload.
pub fn groups() -> impl Iterator<Item = &'static Group> {
    allowed::GROUPS.iter().chain(checked::GROUPS).chain(refused::GROUPS)
}
