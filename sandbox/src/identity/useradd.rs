//! Accounts made by `useradd`, for the level `proposal`; and the removal of those whose
//! supervisor is dead.
//!
//! An account cannot be tied to a process, so a killed supervisor does leave one behind: that is
//! what this design costs. A locked file per account tells whose supervisor still lives.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};

use super::{IdentityError, open_runtime, processes, records, try_lock};

const USERADD: &str = "/usr/sbin/useradd";
const USERDEL: &str = "/usr/sbin/userdel";
const PREFIX: &str = "fmr_";

/// How long to wait for whoever else changes `/etc/passwd`.
const PATIENCE: Duration = Duration::from_secs(20);

/// An account that is this build's alone.
#[derive(Debug)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
    record: PathBuf,
    lock: File,
}

impl Account {
    /// Removes the accounts of dead supervisors, then makes a new one.
    ///
    /// # Errors
    /// There is nowhere to keep track of it, or `useradd` fails.
    pub fn make(places: &[PathBuf]) -> Result<Self, IdentityError> {
        sweep_all(places)?;
        let directory = open_runtime(places, "user")?;
        let name = format!("{PREFIX}{:08x}", random()?);
        let record = directory.join(&name);
        let failed = |source| IdentityError::Runtime { path: record.clone(), source };
        // The record stands before the account does, so that none can be without one.
        let lock = try_lock(&record).map_err(failed)?.ok_or(IdentityError::Exhausted(1))?;
        // `useradd` inherits the lock: if this process is killed now, the account is not swept
        // before `useradd` has finished making it.
        fcntl_setfd(&lock, FdFlags::empty()).map_err(|errno| failed(errno.into()))?;
        let made = run(
            USERADD,
            &[
                "--system",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/usr/sbin/nologin",
                &name,
            ],
        );
        fcntl_setfd(&lock, FdFlags::CLOEXEC).map_err(|errno| failed(errno.into()))?;
        made?;
        let (uid, gid) = ids_of(&name).ok_or_else(|| IdentityError::Account {
            program: USERADD,
            reason: format!("it made no account {name}"),
        })?;
        Ok(Self { name, uid, gid, record, lock })
    }

    /// Its uid and gid.
    #[must_use]
    pub const fn ids(&self) -> (u32, u32) {
        (self.uid, self.gid)
    }

    /// Removes the account, after ending what still runs under it.
    ///
    /// # Errors
    /// Its processes cannot be ended, or `userdel` fails.
    pub fn remove(self) -> Result<(), IdentityError> {
        remove(&self.name, &self.record)
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
    for place in places.iter().map(|place| place.join("user")) {
        for entry in records(&place)? {
            let Some(name) =
                entry.file_name().to_str().filter(|name| is_ours(name)).map(str::to_owned)
            else {
                continue;
            };
            let record = entry.path();
            let failed = |source| IdentityError::Runtime { path: record.clone(), source };
            if try_lock(&record).map_err(failed)?.is_some_and(|_lock| record.exists()) {
                remove(&name, &record)?;
                swept.push(name);
            }
        }
    }
    Ok(swept)
}

/// A name that this module gives: nothing else is ever handed to `userdel`.
fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn remove(name: &str, record: &Path) -> Result<(), IdentityError> {
    if let Some((uid, _)) = ids_of(name) {
        processes::end_all_of(uid).map_err(|source| IdentityError::Unkillable { uid, source })?;
        let removed = run(USERDEL, &[name]);
        // A `userdel` that outlived its supervisor may have been quicker.
        if ids_of(name).is_some() {
            removed?;
        }
    }
    let failed = |source| IdentityError::Runtime { path: record.to_owned(), source };
    fs::remove_file(record).map_err(failed)
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
        let output = Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        if output.status.success() {
            return Ok(());
        }
        if !said.contains("lock") || Instant::now() > deadline {
            return Err(failed(format!("{}: {said}", output.status)));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ids_of(name: &str) -> Option<(u32, u32)> {
    let table = fs::read_to_string("/etc/passwd").ok()?;
    let line = table.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
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
