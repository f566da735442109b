//! `output.json`: read where the payload has written it, and written anew for the front end.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd};

use super::answer::Return;
use super::limits::Limits;
use super::publish::{Destination, Draft, Replacing};
use super::question::{Inspector, Opinion, Question};
use super::refused::{Refused, Why};
use crate::paths::Beneath;
use crate::pep517::HookKind;
use crate::plain::document;

/// The file in the control directory that a hook answers in (`pyproject_hooks`).
pub const OUTPUT: &str = "output.json";

/// Reads `output.json` from a control directory that the payload could write.
///
/// Keys that `pyproject_hooks` does not know are dropped: [`return_control_file`] writes what was
/// understood, not what was found.
///
/// # Errors
/// When the file is missing, no plain file, too large, too deep, no JSON, or says what `hook`
/// cannot say.
pub fn read_return(
    control: BorrowedFd<'_>,
    hook: HookKind,
    limits: &Limits,
    inspector: &mut dyn Inspector,
) -> Result<Return, Refused> {
    let mut read = || -> Result<Return, Why> {
        let (file, _) = Beneath::new(control).file(OsStr::new(OUTPUT), limits.json.bytes)?;
        match inspector.ask(&Question::Answer(hook), file.as_fd())? {
            Opinion::Answer(returned) => Ok(returned),
            Opinion::Refused(why) => Err(Why::Found(why)),
            _ => Err(Why::Inspector("answers another question".to_owned())),
        }
    };
    read().map_err(|why| why.refuse(OsStr::new(OUTPUT)))
}

/// An answer that is written and not yet there.
#[must_use]
pub struct Returning<'a>(Draft<'a>);

impl Returning<'_> {
    /// Puts it in its place.
    ///
    /// # Errors
    /// When it cannot be named there.
    pub fn publish(self) -> Result<(), Refused> {
        let name = OsStr::new(OUTPUT);
        self.0
            .publish(name, &Replacing { anything: true, origin: None })
            .map_err(|cause| Why::Write(cause).refuse(name))
    }
}

/// Writes the validated answer for the caller's control directory, as what becomes its `output.json`.
///
/// # Errors
/// When it cannot be written there.
pub fn return_control_file<'a>(
    returned: &Return,
    control: &Destination<'a>,
) -> Result<Returning<'a>, Refused> {
    let write = || {
        let mut draft = Draft::create(control)?;
        draft.file().write_all(document(&returned.to_json()).as_bytes())?;
        Ok(Returning(draft))
    };
    write().map_err(|cause| Why::Write(cause).refuse(OsStr::new(OUTPUT)))
}

#[cfg(test)]
#[path = "returned_tests.rs"]
mod tests;
