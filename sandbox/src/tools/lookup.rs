//! What the tools of a command are looked up by, as far as it stays the same meanwhile.
#![forbid(unsafe_code)]

use std::cell::OnceCell;
use std::path::PathBuf;

use super::chosen::Chosen;
use super::{Found, Homes};
use crate::payload::Payload;

/// Where the caller of a payload looks for programs, which homes there are, and what it has chosen.
/// Each is found out once for a launch.
#[derive(Debug)]
pub struct Lookup {
    /// The entries of its PATH, each once.
    pub(super) entries: Vec<PathBuf>,
    /// Where no grant reaches.
    pub(super) homes: Homes,
    chosen: OnceCell<Chosen>,
    /// What pyenv brings along, which PATH names by two directories of it.
    pub(super) pyenv: OnceCell<Found>,
}

impl Lookup {
    /// That of `payload`, which has its trees, and what it may write, by now.
    #[must_use]
    pub fn of(payload: &Payload) -> Self {
        let mut entries = Vec::new();
        for entry in payload.search_path() {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        Self { entries, homes: Homes::of(payload), chosen: OnceCell::new(), pyenv: OnceCell::new() }
    }

    /// What its own words lead to.
    pub(super) fn chosen(&self, payload: &Payload) -> &Chosen {
        self.chosen.get_or_init(|| Chosen::of(payload, &self.entries, &self.homes))
    }
}
