//! Accounts made by `useradd`, for the level `proposal`; and the removal of those whose
//! supervisor is dead.
//!
//! An account cannot be tied to a process, so a killed supervisor does leave one behind: that is
//! what this design costs. A locked file per account tells whose supervisor still lives, and names
//! the directories that were handed to the account, so that they are given back in any case.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{Errno, FdFlags, fcntl_setfd};

use super::records::{Records, content};
use super::{IdentityError, handover, processes};
use crate::payload::PrivateTree;

/// The directory of the records, in the runtime directory.
const PLACE: &str = "user";

const USERADD: &str = "/usr/sbin/useradd";
const USERDEL: &str = "/usr/sbin/userdel";
const PREFIX: &str = "fmr_";
/// The home of an account that has none.
const HOME: &str = "/nonexistent";
/// The shell of an account that nobody logs in to.
const SHELL: &str = "/usr/sbin/nologin";

/// How long to wait for whoever else changes `/etc/passwd`.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// The longest record that is read.
const RECORD_SIZE: u64 = 1024 * 1024;

/// An account that is this build's alone.
#[derive(Debug)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
    records: Records,
    lock: File,
}

impl Account {
    /// Removes the accounts of dead supervisors, then makes a new one.
    ///
    /// # Errors
    /// There is nowhere to keep track of it, or `useradd` fails.
    pub fn make(places: &[PathBuf]) -> Result<Self, IdentityError> {
        sweep_all(places)?;
        let records = Records::open(places, PLACE)?;
        let name = format!("{PREFIX}{:08x}", random()?);
        let failed = |source| IdentityError::Runtime { path: records.path(&name), source };
        // The record stands before the account does, so that none can be without one.
        let lock = records.lock_new(&name).map_err(failed)?;
        // `useradd` inherits the lock: if this process is killed now, the account is not swept
        // before `useradd` has finished making it.
        if let Err(errno) = fcntl_setfd(&lock, FdFlags::empty()) {
            let _ = records.remove(&name);
            return Err(failed(errno.into()));
        }
        let made = add(&name);
        let closed = fcntl_setfd(&lock, FdFlags::CLOEXEC).map_err(|errno| failed(errno.into()));
        let ids = made.and(closed).and_then(|()| {
            ids_of(&name).ok_or_else(|| IdentityError::Account {
                program: USERADD,
                reason: format!("it made no account {name}"),
            })
        });
        match ids {
            Ok((uid, gid)) => Ok(Self { name, uid, gid, records, lock }),
            Err(error) => {
                // Half of it may be there. What cannot be removed now the next sweep removes.
                let _ = remove(&name, &records, &lock);
                Err(error)
            }
        }
    }

    /// Its uid and gid.
    #[must_use]
    pub const fn ids(&self) -> (u32, u32) {
        (self.uid, self.gid)
    }

    /// Hands the directory of `tree` to the account, after a note of whose it was.
    ///
    /// # Errors
    /// It cannot be noted or handed over.
    pub fn take_over(&mut self, tree: &PrivateTree) -> io::Result<()> {
        let directory = handover::open(&tree.path, tree.identity)?;
        let (uid, gid) = self.lasting_owner(&directory)?;
        let path = tree.path.as_os_str().as_bytes();
        let note = [format!("{uid} {gid} ").as_bytes(), path, &[0]].concat();
        self.lock.write_all(&note)?;
        Ok(handover::give(&directory, self.ids())?)
    }

    /// Whose the directory is, and will be: while another supervisor sweeps the account that a dead one
    /// has handed it to, it is that account's for a moment more, and would be given back to it.
    fn lasting_owner(&self, directory: &OwnedFd) -> io::Result<(u32, u32)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (uid, gid) = handover::owner(directory)?;
            let Some(name) = account_of(uid) else { return Ok((uid, gid)) };
            if Instant::now() > deadline {
                let reason = format!("it belongs to {name}, the account of another build");
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, reason));
            }
            // Whoever was about to remove it may be dead by now, too.
            let _stays = sweep(&self.records, &mut Vec::new());
            std::thread::sleep(PAUSE);
        }
    }

    /// Removes the account, after ending what still runs under it and giving back what it had.
    ///
    /// # Errors
    /// Its processes cannot be ended, a directory cannot be given back, or `userdel` fails.
    pub fn remove(self) -> Result<(), IdentityError> {
        remove(&self.name, &self.records, &self.lock)
    }
}

impl AsRawFd for Account {
    /// The lock.
    fn as_raw_fd(&self) -> RawFd {
        self.lock.as_raw_fd()
    }
}

/// Removes every account below `places` whose supervisor is dead, and gives their names.
///
/// # Errors
/// A directory cannot be read, or an account cannot be removed.
pub fn sweep_all(places: &[PathBuf]) -> Result<Vec<String>, IdentityError> {
    let mut swept = Vec::new();
    for records in places.iter().filter_map(|place| Records::existing(place, PLACE)) {
        sweep(&records, &mut swept)?;
    }
    Ok(swept)
}

fn sweep(records: &Records, swept: &mut Vec<String>) -> Result<(), IdentityError> {
    for name in records.names()?.into_iter().filter(|name| is_ours(name)) {
        // What is no record is left alone.
        if let Ok(Some(lock)) = records.lock_existing(&name) {
            remove(&name, records, &lock)?;
            swept.push(name);
        }
    }
    Ok(())
}

fn add(name: &str) -> Result<(), IdentityError> {
    let options = ["--system", "--no-create-home", "--home-dir", HOME];
    let shell = ["--shell", SHELL, name];
    run(USERADD, &[&options[..], &shell[..]].concat())
}

/// A name that this module gives: nothing else is ever handed to `userdel`.
fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Twice, for an account that stays is somebody's until the next sweep.
fn remove(name: &str, records: &Records, lock: &File) -> Result<(), IdentityError> {
    try_remove(name, records, lock).or_else(|_| try_remove(name, records, lock))
}

fn try_remove(name: &str, records: &Records, lock: &File) -> Result<(), IdentityError> {
    let failed = |source| IdentityError::Runtime { path: records.path(name), source };
    let account = ids_of(name);
    if let Some((uid, _)) = account {
        processes::end_all_of(uid).map_err(|source| IdentityError::Unkillable { uid, source })?;
        // Before the account goes, for then its uid may become another's.
        give_back(lock, uid).map_err(failed)?;
        let removed = run(USERDEL, &[name]);
        // A `userdel` that outlived its supervisor may have been quicker.
        if ids_of(name).is_some() {
            removed?;
        }
    }
    records.remove(name).map_err(failed)
}

/// Gives back what of the directories that the record names is the account's, by its `uid`. One that
/// is gone, or a link by now, is nobody's to give.
fn give_back(mut record: &File, uid: u32) -> io::Result<()> {
    record.rewind()?;
    let notes = content(record, RECORD_SIZE)?;
    for note in notes.split(|byte| *byte == 0) {
        let mut parts = note.splitn(3, |byte| *byte == b' ');
        let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse().ok();
        let (Some(owner), Some(group)) = (number(), number()) else { continue };
        let path = Path::new(OsStr::from_bytes(parts.next().unwrap_or_default()));
        match handover::give_back(path, uid, (owner, group)) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Runs a program of the system by its absolute path and with an empty environment: PATH belongs
/// to the build, and so may every variable.
///
/// Both programs give up at once when another one holds the lock of `/etc/passwd`, so they are
/// tried again for a while.
fn run(program: &'static str, arguments: &[&str]) -> Result<(), IdentityError> {
    let failed = |reason: String| IdentityError::Account { program, reason };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, said) =
            run_once(program, arguments).map_err(|error| failed(error.to_string()))?;
        if status.success() {
            return Ok(());
        }
        if !said.contains("lock") || Instant::now() > deadline {
            return Err(failed(format!("{status}: {said}")));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Runs it to its end, and gives its status and what it said.
fn run_once(program: &str, arguments: &[&str]) -> io::Result<(ExitStatus, String)> {
    // Into a file: to read from pipes the standard library makes calls whose failure is a panic.
    let mut said = File::from(memfd_create("said", MemfdFlags::CLOEXEC)?);
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone()?)
        .spawn()?;
    let status = child.wait().inspect_err(|_| {
        // It must not go on while its account is being removed.
        let _ = child.kill();
        let _ = child.wait();
    })?;
    let mut text = String::new();
    said.rewind()?;
    said.read_to_string(&mut text)?;
    Ok((status, text.trim().replace('\n', "; ")))
}

/// The uid and gid of the account that [`add`] made; one of that name with another home or shell is
/// somebody's.
fn ids_of(name: &str) -> Option<(u32, u32)> {
    let table = fs::read_to_string("/etc/passwd").ok()?;
    let known = table.lines().filter_map(account).find(|(known, ..)| *known == name)?;
    Some((known.1, known.2))
}

/// The name of the account with that uid, if [`add`] made it.
fn account_of(uid: u32) -> Option<String> {
    let table = fs::read_to_string("/etc/passwd").ok()?;
    let known = table
        .lines()
        .filter_map(account)
        .find(|(name, known, _)| *known == uid && is_ours(name))?;
    Some(known.0.to_owned())
}

/// Name, uid and gid of an account, from its line of `/etc/passwd`, if it looks as [`add`] makes them.
fn account(line: &str) -> Option<(&str, u32, u32)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let mut numbers = fields.by_ref().skip(1);
    let (uid, gid) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    let (home, shell) = (fields.nth(1)?, fields.next()?);
    (uid != 0 && home == HOME && shell == SHELL).then_some((name, uid, gid))
}

fn random() -> Result<u32, IdentityError> {
    let mut bytes = [0; 4];
    let failed = |errno: rustix::io::Errno| IdentityError::Account {
        program: USERADD,
        reason: format!("no random name: {errno}"),
    };
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).map_err(failed)?;
    Ok(u32::from_ne_bytes(bytes))
}
