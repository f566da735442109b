//! A process beside the harness that outlives it for a moment: whatever ends the harness, it ends what
//! the harness's labs have left in their control groups, and removes those, and the directories that were
//! made for results and hold none.
//!
//! Most of a lab goes by the kernel's hand. What a lab has frozen does not.
#![forbid(unsafe_code)]

use std::io::{self, Read as _};
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use sandbox::sys::descriptors::close_between;

use super::groups;

/// The argument by which the program knows that it is to be the keeper; the harness's number and the
/// directories follow.
pub(super) const ROLE: &str = "__keeper";

/// The keeper, as the harness holds it.
#[derive(Debug)]
pub struct Keeper {
    process: Child,
}

impl Keeper {
    /// Starts it; `program` is the harness, and `made` are directories, the outer ones first, that go again
    /// where they are empty in the end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn post(program: &Path, made: &[PathBuf]) -> io::Result<Self> {
        let process = Command::new(program)
            .arg(ROLE)
            .arg(std::process::id().to_string())
            .args(made)
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
    let mut words = std::env::args_os().skip(2);
    let harness = words.next().and_then(|number| number.to_str()?.parse().ok());
    let (Some(harness), Ok(())) = (harness, close_between(3, RawFd::MAX)) else {
        return ExitCode::FAILURE;
    };
    // Nothing is ever written there, so that what comes is its end.
    let _ended = io::stdin().read_to_end(&mut Vec::new());
    groups::end_all_of(harness);
    let made: Vec<PathBuf> = words.map(PathBuf::from).collect();
    for dir in made.iter().rev() {
        // One in which something was written stays.
        let _stays = std::fs::remove_dir(dir);
    }
    ExitCode::SUCCESS
}
