//! The outcome, written where the caller wants it.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{ErrorKind, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::ended;
use super::error::Failure;
use super::options::Options;
use super::why::Telling;
use crate::launch::Finished;
use crate::outcome::{End, Outcome};
use crate::paths::{self, Trust};
use crate::plain::say;
use crate::plan::Plan;
use crate::why::Finding;
use crate::wire::outcome_json;

/// A file for the outcome, opened before anything runs: a place that cannot be written is a usage
/// error then, and not a surprise afterwards.
#[derive(Debug)]
pub(super) struct Report(Option<(PathBuf, File)>);

impl Report {
    /// Opens the file that the caller named, if any. What is in it stays until there is an outcome.
    ///
    /// No link is followed that a stranger may have made, and nothing but a regular file with one
    /// name is written where one may have made it: `suspects` are directories that builds write to.
    pub(super) fn open(options: &Options, suspects: &[PathBuf]) -> Result<Self, Failure> {
        let Some(path) = options.outcome.clone() else { return Ok(Self(None)) };
        let named = std::path::absolute(&path).map_err(Failure::Directory)?;
        let trust = Trust::of_caller(suspects);
        let placed =
            |problem| Failure::Place { what: "place of the outcome", path: path.clone(), problem };
        let (directory, name) = paths::open_parent(&named, &trust).map_err(placed)?;
        let strange = paths::stranger(&directory.real, &trust).map_err(placed)?.is_some();
        let failed = |errno: Errno| Failure::Outcome { path: path.clone(), source: errno.into() };
        // NONBLOCK: a pipe is not waited for.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
        // What a process has open is a link of another kind, and in /proc.
        let link = if strange || !directory.real.starts_with("/proc") {
            OFlags::NOFOLLOW
        } else {
            OFlags::empty()
        };
        let mode = Mode::from_raw_mode(0o666);
        let file = openat(&directory.file, &name, flags | link | OFlags::CLOEXEC, mode);
        let file = file.map_err(failed)?;
        let status = fstat(&file).map_err(failed)?;
        let regular = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile;
        if strange && !regular {
            return Err(Failure::NotPlain { path, why: "it is no regular file" });
        }
        if regular && status.st_nlink != 1 {
            return Err(Failure::NotPlain { path, why: "it has another name, a hard link" });
        }
        Ok(Self(Some((path, file.into()))))
    }

    /// Clears away what the build had, writes its outcome and gives its end.
    ///
    /// The build has run: what goes wrong here is said, and does not make it one that has not.
    pub(super) fn conclude(self, plan: &Plan, mut finished: Finished, telling: Telling<'_>) -> End {
        let named = finished.named_sanitizer;
        let (trace, over) = (finished.trace.take(), finished.over().is_some());
        let watched = finished.trouble.take().map_or(Ok(()), |error| Err(Failure::from(error)));
        let cleared = finished.clear_away().map_err(Failure::from);
        let outcome = finished.outcome.clone();
        let cleared = cleared.and(finished.clear().map(drop).map_err(Failure::from));
        let found = telling.findings(plan, trace.as_ref(), &outcome);
        let written = self.put(Some(plan), &outcome, found.as_deref());
        if let Some(sentence) = ended::sentence(&outcome.end, plan.limits.as_ref()) {
            say(sentence);
        }
        let hint = named.then(|| ended::of_sanitizers(&outcome.end, plan)).flatten();
        if let Some(hint) = hint {
            say(hint);
        }
        telling.tell(&outcome.end, over, trace.as_ref().zip(found.as_deref()));
        let mut own = written.as_ref().err().and_then(Failure::of_exchanged);
        if own.is_none() && outcome.end.exit_status() == 0 {
            own = written.as_ref().err().and_then(Failure::of_unwritten);
        }
        for failure in [watched, cleared, written].into_iter().filter_map(Result::err) {
            say_afterwards(&failure);
        }
        own.unwrap_or(outcome.end)
    }

    /// Writes that nothing was run, and gives the failure on: it is what the caller has to hear.
    pub(super) fn not_started(self, failure: Failure) -> Failure {
        let outcome = Outcome::new(failure.end(), Duration::ZERO);
        self.put(None, &outcome, None).err().unwrap_or(failure)
    }

    fn put(
        self,
        plan: Option<&Plan>,
        outcome: &Outcome,
        found: Option<&[Finding]>,
    ) -> Result<(), Failure> {
        let Some((path, mut file)) = self.0 else { return Ok(()) };
        let text = outcome_json(plan, outcome, found);
        if is_exchanged(&file, &path) {
            return Err(Failure::OutcomeExchanged { path });
        }
        let regular = file.metadata().is_ok_and(|found| found.is_file());
        let cleared = if regular { file.set_len(0).and_then(|()| file.rewind()) } else { Ok(()) };
        let written = cleared.and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(|source| Failure::Outcome { path, source })
    }
}

/// Says what went wrong after a build, which has run all the same.
pub(super) fn say_afterwards(failure: &impl std::fmt::Display) {
    say(format_args!("the command has run, but: {failure}"));
}

/// Whether another file than `file`, or none, is at `path` by now.
fn is_exchanged(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(own), Ok(there)) => (own.dev(), own.ino()) != (there.dev(), there.ino()),
        (_, Err(error)) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        (Err(_), Ok(_)) => false,
    }
}
