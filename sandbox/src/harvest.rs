//! Outputs as hostile input: opened beneath, checked, and copied to the caller.
//!
//! A payload writes into private staging directories. When its whole process tree is dead, the
//! supervisor reads the hook's return value from there ([`read_return`]), copies the one product
//! that the return value names to where the caller wants it ([`collect`]) and writes the return
//! value itself for the front end ([`return_control_file`]). Everything is opened once, by
//! descriptor; no link is followed on either side; what was not understood is refused, not
//! passed on.
#![forbid(unsafe_code)]

mod answer;
mod archive;
mod build_info;
mod collect;
mod expected;
#[cfg(test)]
mod growth_tests;
mod headers;
mod limits;
mod marker;
mod metadata;
mod metadata_error;
mod names;
mod note;
mod origin;
mod publish;
mod question;
mod refused;
mod requirement;
mod return_error;
mod returned;
mod tree;
mod unchecked;
mod warning;

use crate::policy::version;

pub use crate::pep517::{HookKind, Product};
pub use answer::{Answer, Return};
pub use archive::{ArchiveError, Fault, NameFault, inspect};
pub use collect::{Collected, Harvest, Harvested, Wishes, collect};
pub use expected::{Expected, Unexpected};
pub use limits::Limits;
pub use metadata_error::MetadataError;
pub use names::{Artefact, Form, NameError, Release};
pub use note::{Note, NoteKind};
pub use origin::Origin;
pub use publish::{Destination, Owner};
pub use question::{Inspector, Opinion, Question, examine};
pub use refused::{Refused, Why};
pub use requirement::{RequirementError, check as check_requirement};
pub use return_error::ReturnError;
pub use returned::{OUTPUT as ANSWER, Returning, read_return, return_control_file};
pub use unchecked::copy_unchecked;
pub use warning::Warning;
