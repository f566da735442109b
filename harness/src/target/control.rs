//! The control: no sandbox at all, so that an attack can be seen to work.
#![forbid(unsafe_code)]

/// Nothing stands in front of a hook.
#[must_use]
pub const fn prefix() -> Vec<String> {
    Vec::new()
}
