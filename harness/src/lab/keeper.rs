//! A process beside the harness that outlives it for a moment: whatever ends the harness, it ends what
//! the harness's labs have left in their control groups, and removes those.
//!
//! Most of a lab goes by the kernel's hand. What a lab has frozen does not.
#![forbid(unsafe_code)]

use std::io::{self, Read as _};
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use sandbox::sys::descriptors::close_between;

use super::groups;

/// The argument by which the program knows that it is to be the keeper; the harness's number follows.
pub(super) const ROLE: &str = "__keeper";

/// The keeper, as the harness holds it.
#[derive(Debug)]
pub struct Keeper {
    process: Child,
}

impl Keeper {
    /// Starts it; `program` is the harness.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn post(program: &Path) -> io::Result<Self> {
        let process = Command::new(program)
            .arg(ROLE)
            .arg(std::process::id().to_string())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a terminal sends to the harness is not for it.
            .process_group(0)
            .spawn()?;
        Ok(Self { process })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It takes seconds at most, and nobody asks how it ended.
        let _reaped = self.process.wait();
    }
}

/// Plays the keeper: waits for the end of standard input, which is the harness's.
#[must_use]
pub fn play() -> ExitCode {
    let harness = std::env::args().nth(2).and_then(|number| number.parse().ok());
    let (Some(harness), Ok(())) = (harness, close_between(3, RawFd::MAX)) else {
        return ExitCode::FAILURE;
    };
    // Nothing is ever written there, so that what comes is its end.
    let _ended = io::stdin().read_to_end(&mut Vec::new());
    groups::end_all_of(harness);
    ExitCode::SUCCESS
}
