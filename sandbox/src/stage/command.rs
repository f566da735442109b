//! The payload's command in the form in which the kernel takes it, made before anything starts.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use rustix::io::Errno;

use crate::plan::Plan;
use crate::step::{Fault, Step};

/// The payload's command.
#[derive(Debug)]
pub struct Command {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Command {
    /// The command of `plan`.
    ///
    /// # Errors
    /// EINVAL for a word with a NUL in it.
    pub fn of(plan: &Plan) -> Result<Self, Fault> {
        Ok(Self {
            program: string(plan.program.as_os_str())?,
            arguments: strings(plan.argv.iter().map(OsString::as_os_str))?,
            environment: environment(plan)?,
        })
    }

    /// Becomes the command (`execve(2)`).
    pub(super) fn execute(&self) -> nix::Result<Infallible> {
        nix::unistd::execve(&self.program, &self.arguments, &self.environment)
    }
}

fn environment(plan: &Plan) -> Result<Vec<CString>, Fault> {
    let pairs = plan.environment.variables.iter().map(|(name, value)| {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        pair
    });
    let pairs: Vec<_> = pairs.collect();
    strings(pairs.iter().map(OsString::as_os_str))
}

fn strings<'a>(words: impl Iterator<Item = &'a OsStr>) -> Result<Vec<CString>, Fault> {
    words.map(string).collect()
}

fn string(word: &OsStr) -> Result<CString, Fault> {
    CString::new(word.as_bytes()).or(Err(Fault::new(Step::Exec, Errno::INVAL)))
}
