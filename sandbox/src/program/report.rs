//! The outcome, written where the caller wants it.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{
    AtFlags, FallocateFlags, FileType, Mode, OFlags, fallocate, fstat, openat, statat,
};
use rustix::io::Errno;

use super::error::Failure;
use super::options::Options;
use super::sanitizers;
use super::why::Telling;
use crate::ending::{self, Call, Phase};
use crate::launch::Finished;
use crate::outcome::Outcome;
use crate::paths::{self, Trust};
use crate::plain::say;
use crate::plan::Plan;
use crate::why::Finding;
use crate::wire::outcome_json;

/// Room for an outcome, in bytes, that is taken before anything is handed over. Few are longer.
const ROOM: u64 = 64 << 10;

/// A file for the outcome, opened before anything runs: a place that cannot be written is a usage
/// error then, and not a surprise afterwards.
#[derive(Debug)]
pub(super) struct Report {
    /// The file, and the path that it is called by.
    file: Option<(PathBuf, File)>,
    /// What is in it by now.
    told: Option<Outcome>,
}

impl Report {
    /// Opens the file that the caller named, if any. What is in it stays until there is an outcome.
    ///
    /// No link is followed that a stranger may have made, and nothing but a regular file with one
    /// name is written where one may have made it: `suspects` are directories that builds write to.
    pub(super) fn open(options: &Options, suspects: &[PathBuf]) -> Result<Self, Failure> {
        let Some(path) = options.outcome.clone() else {
            return Ok(Self { file: None, told: None });
        };
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
        Ok(Self { file: Some((path, file.into())), told: None })
    }

    /// Looks whether the outcome can be written, before anything is handed over that it tells of:
    /// nobody has put another file in its place, it is none of `products`, each a directory and a
    /// name, and there is room for it. Where it cannot, nothing is written to it later.
    pub(super) fn secure(&mut self, products: &[(BorrowedFd<'_>, &OsStr)]) -> Result<(), Failure> {
        let Some((path, file)) = &self.file else { return Ok(()) };
        let path = path.clone();
        let is_outcome = |(directory, name): &(BorrowedFd<'_>, &OsStr)| {
            let there = statat(directory, *name, AtFlags::SYMLINK_NOFOLLOW);
            let own = fstat(file);
            there.is_ok_and(|there| {
                own.is_ok_and(|own| (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino))
            })
        };
        let why = "what the hook hands over has the same name";
        let secured = if is_exchanged(file, &path) {
            Err(Failure::OutcomeExchanged { path })
        } else if products.iter().any(is_outcome) {
            Err(Failure::NotPlain { path, why })
        } else {
            reserve(file, ROOM).map_err(|source| Failure::Outcome { path, source })
        };
        if secured.is_err() {
            self.file = None;
        }
        secured
    }

    /// Clears away what the build had, writes its outcome, says how it ended, and gives the exit status
    /// of the `call`.
    ///
    /// The build has run: what goes wrong here is said, and does not make it one that has not.
    pub(super) fn conclude(
        mut self,
        call: Call,
        plan: &Plan,
        mut finished: Finished,
        telling: Telling<'_>,
    ) -> u8 {
        let named = finished.named_sanitizer;
        let (trace, over) = (finished.trace.take(), finished.is_over());
        let watched = finished.trouble.take().map_or(Ok(()), |error| Err(Failure::from(error)));
        let cleared = finished.clear_away().map_err(Failure::from);
        let mut history = finished.history().to_vec();
        let outcome = finished.outcome.clone();
        let cleared = cleared.and(finished.clear().map(drop).map_err(Failure::from));
        let found = telling.findings(plan, trace.as_ref(), &outcome);
        let written = if self.told.as_ref() == Some(&outcome) {
            Ok(())
        } else {
            self.put(Some(plan), &outcome, found.as_deref())
        };
        let hint = named.then(|| sanitizers::hint(&outcome.end, plan)).flatten();
        if let Some(hint) = hint {
            say(hint);
        }
        // What ended because nobody could watch it has not failed of itself.
        if watched.is_ok() {
            telling.tell(&outcome.end, over, trace.as_ref().zip(found.as_deref()));
        }
        let unwritten = written.as_ref().err().and_then(Failure::unwritten);
        history.extend(unwritten.map(|fact| (Phase::ClearingAway, fact)));
        for failure in [watched, cleared, written].into_iter().filter_map(Result::err) {
            say_afterwards(&failure);
        }
        // What the build itself came to, whatever became of its outcome.
        if let Some(sentence) = ending::of_call(call, &outcome.end, &history, plan.limits.as_ref())
        {
            say(sentence);
        }
        call.exit_status(&ending::decide(&history))
    }

    /// Writes that nothing was run, and gives the failure on: it is what the caller has to hear.
    pub(super) fn not_started(mut self, failure: Failure) -> Failure {
        let outcome = Outcome::new(failure.end(), Duration::ZERO);
        self.put(None, &outcome, None).err().unwrap_or(failure)
    }

    /// Writes the outcome before the last step that can still fail, where it can be replaced then;
    /// whoever reads a pipe is told at the end.
    pub(super) fn put_first(
        &mut self,
        plan: &Plan,
        outcome: &Outcome,
        found: Option<&[Finding]>,
    ) -> Result<(), Failure> {
        let file = self.file.as_ref();
        if file.is_some_and(|(_, file)| file.metadata().is_ok_and(|it| it.is_file())) {
            return self.put(Some(plan), outcome, found);
        }
        Ok(())
    }

    /// Writes the outcome, in the place of any that was written before.
    fn put(
        &mut self,
        plan: Option<&Plan>,
        outcome: &Outcome,
        found: Option<&[Finding]>,
    ) -> Result<(), Failure> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        if is_exchanged(file, path) {
            let path = path.clone();
            self.file = None;
            return Err(Failure::OutcomeExchanged { path });
        }
        let text = outcome_json(plan, outcome, found);
        write(file, text.as_bytes())
            .map_err(|source| Failure::Outcome { path: path.clone(), source })?;
        self.told = Some(outcome.clone());
        Ok(())
    }
}

/// Writes the whole of `file` anew. What was in it goes only once there is room for what comes; of
/// something half written nothing stays.
fn write(file: &mut File, text: &[u8]) -> io::Result<()> {
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return file.write_all(text);
    }
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    reserve(file, length)?;
    file.rewind()?;
    let written = file.write_all(text).and_then(|()| file.set_len(length));
    written.inspect_err(|_| drop(file.set_len(0)))
}

/// Takes room for so many bytes, where the file is one that takes any and its file system knows how
/// to; what is in the file and how long it is stays as it was (`fallocate(2)`).
fn reserve(file: &File, length: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, length) {
        Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(errno.into()),
        _ => Ok(()),
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
