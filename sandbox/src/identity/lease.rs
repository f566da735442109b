//! A uid without an account, held by a lock on a file; nothing is written in `/etc`.
//!
//! A lease file is empty while nobody uses the uid. Its holder writes a record into it before the
//! build starts and empties it once everything of the build is gone. So whoever takes a lease and
//! finds a record knows that its holder was killed, and first ends and removes what it left.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};

use super::{IdentityError, open_runtime, processes, records, try_lock};

/// A uid that is this build's alone while the value lives, and longer if its holder is killed.
#[derive(Debug)]
pub struct Lease {
    uid: u32,
    file: File,
    name: String,
}

impl Lease {
    /// Takes one of `uids` that nobody holds.
    ///
    /// # Errors
    /// There is nowhere to keep the lock, every uid is held, or a dead build's processes cannot be
    /// ended.
    pub fn take(places: &[PathBuf], uids: &[u32]) -> Result<Self, IdentityError> {
        let directory = open_runtime(places, "uid")?;
        // Where a search begins does not matter; beginning at different uids keeps parallel starts
        // apart and lets a uid rest before it is used again.
        let start = usize::try_from(std::process::id()).unwrap_or(0) % uids.len().max(1);
        let order = uids.iter().skip(start).chain(uids.iter().take(start));
        for uid in order {
            if let Some(lease) = Self::try_take(&directory, *uid)? {
                return Ok(lease);
            }
        }
        Err(IdentityError::Exhausted(uids.len()))
    }

    fn try_take(directory: &Path, uid: u32) -> Result<Option<Self>, IdentityError> {
        let path = directory.join(uid.to_string());
        let failed = |source| IdentityError::Runtime { path: path.clone(), source };
        let Some(mut file) = try_lock(&path).map_err(failed)? else {
            return Ok(None);
        };
        let mut record = String::new();
        (&mut file).take(RECORD_SIZE).read_to_string(&mut record).map_err(failed)?;
        let mut lease = Self { uid, file, name: name(directory, uid) };
        if !record.is_empty() {
            sweep(uid, &record)?;
            lease.write_record("").map_err(failed)?;
        }
        Ok(Some(lease))
    }

    /// The uid, which is the gid too.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.uid
    }

    /// A name that is this lease's alone on the machine: the uid, and which directory it is kept in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes the lease of that [`Self::name`], if it is kept in one of `places` and nobody holds it.
    #[must_use]
    pub fn take_named(places: &[PathBuf], wanted: &str) -> Option<Self> {
        let uid = wanted.split_once('-')?.0.parse().ok()?;
        let directory = places
            .iter()
            .map(|place| place.join("uid"))
            .find(|place| name(place, uid) == wanted)?;
        Self::try_take(&directory, uid).ok().flatten()
    }

    /// Notes that a build is about to run as this uid, with its `scratch` directory if it has one.
    ///
    /// # Errors
    /// Those of writing the lease file.
    pub fn begin(&mut self, scratch: Option<&Path>) -> io::Result<()> {
        let mut record = format!("supervisor {}\n", std::process::id());
        if let Some(scratch) = scratch {
            record.push_str("scratch ");
            record.push_str(&scratch.to_string_lossy());
            record.push('\n');
        }
        self.write_record(&record)
    }

    /// Notes that nothing of the build is left.
    ///
    /// # Errors
    /// Those of writing the lease file.
    pub fn end(mut self) -> io::Result<()> {
        self.write_record("")
    }

    /// Puts `record` in the place of what the file holds.
    fn write_record(&mut self, record: &str) -> io::Result<()> {
        if self.file.stream_position()? > 0 {
            self.file.set_len(0)?;
            self.file.rewind()?;
        }
        self.file.write_all(record.as_bytes())
    }
}

/// The uid and a digest of the directory (FNV-1a): two directories may lease the same uid.
fn name(directory: &Path, uid: u32) -> String {
    let bytes = directory.as_os_str().as_encoded_bytes();
    let digest = bytes.iter().fold(0x811c_9dc5_u32, |digest, byte| {
        (digest ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    format!("{uid}-{digest:08x}")
}

/// The longest record that is read.
const RECORD_SIZE: u64 = 64 * 1024;

/// Ends and removes what the build of a dead supervisor left under `uid`.
fn sweep(uid: u32, record: &str) -> Result<(), IdentityError> {
    processes::end_all_of(uid).map_err(|source| IdentityError::Unkillable { uid, source })?;
    for line in record.lines() {
        if let Some(scratch) = line.strip_prefix("scratch ") {
            crate::scratch::remove_directory(Path::new(scratch));
        }
    }
    Ok(())
}

impl AsRawFd for Lease {
    /// The lock.
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// Sweeps every lease below `places` whose holder is dead, and gives the swept uids.
///
/// # Errors
/// A directory cannot be read, or processes cannot be ended.
pub fn sweep_all(places: &[PathBuf]) -> Result<Vec<u32>, IdentityError> {
    let mut swept = Vec::new();
    for place in places.iter().map(|place| place.join("uid")) {
        for entry in records(&place)? {
            let uid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let recorded = entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() > 0);
            if let (Some(uid), true) = (uid, recorded)
                && Lease::try_take(&place, uid)?.is_some()
            {
                swept.push(uid);
            }
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_leases_are_never_of_one_uid() {
        let runtime = tempfile::tempdir().unwrap();
        let places = [runtime.path().to_owned()];
        let uids = [61_900, 61_901];
        let first = Lease::take(&places, &uids).unwrap();
        let second = Lease::take(&places, &uids).unwrap();
        assert_ne!(first.uid(), second.uid());
        assert!(matches!(Lease::take(&places, &uids), Err(IdentityError::Exhausted(2))));
        drop(first);
        assert!(Lease::take(&places, &uids).is_ok());
    }

    #[test]
    fn a_record_of_the_dead_is_swept_and_one_of_the_living_is_left_alone() {
        let runtime = tempfile::tempdir().unwrap();
        let places = [runtime.path().to_owned()];
        let mut living = Lease::take(&places, &[61_902]).unwrap();
        living.begin(None).unwrap();
        let mut dead = Lease::take(&places, &[61_903]).unwrap();
        dead.begin(None).unwrap();
        drop(dead); // as the kernel closes a killed process's files, with the record still there
        assert_eq!(sweep_all(&places).unwrap(), [61_903]);
        assert_eq!(sweep_all(&places).unwrap(), Vec::<u32>::new());
        living.end().unwrap();
    }

    #[test]
    fn a_lease_file_that_is_a_link_is_not_followed() {
        let runtime = tempfile::tempdir().unwrap();
        let victim = runtime.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        std::fs::create_dir(runtime.path().join("uid")).unwrap();
        std::os::unix::fs::symlink(&victim, runtime.path().join("uid/61904")).unwrap();
        let taken = Lease::take(&[runtime.path().to_owned()], &[61_904]);
        assert!(matches!(taken, Err(IdentityError::Runtime { .. })));
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }
}
