//! The record of a build that runs as its caller and has directories on disk.
//!
//! It does for such a build what the lease does for one with a uid of its own: a file that is
//! locked while the supervisor lives and names what is to be removed when it is dead. Whose
//! processes those were cannot be told by their uid; ending them is the guardian's.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{IdentityError, lock_new, open_runtime, records, try_lock};

/// The directory of the records, in the runtime directory.
const PLACE: &str = "claim";

/// The longest record that is read.
const RECORD_SIZE: u64 = 64 * 1024;

/// A record that is this build's.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    /// Locked as long as this process lives.
    file: File,
}

impl AsRawFd for Claim {
    /// The lock.
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl Claim {
    /// Notes that a build with the directory `scratch` is about to run, after a sweep of what the
    /// dead have noted.
    ///
    /// # Errors
    /// There is nowhere to keep the record.
    pub fn make(places: &[PathBuf], scratch: &Path) -> Result<Self, IdentityError> {
        let directory = open_runtime(places, PLACE)?;
        sweep(&directory)?;
        let name = scratch.file_name().unwrap_or(scratch.as_os_str());
        let path = directory.join(name);
        let failed = |source| IdentityError::Runtime { path: path.clone(), source };
        let mut file = lock_new(&path).map_err(failed)?;
        if let Err(source) = file.write_all(scratch.as_os_str().as_bytes()) {
            let _ = fs::remove_file(&path);
            return Err(failed(source));
        }
        Ok(Self { path, file })
    }

    /// Notes that nothing of the build is left.
    ///
    /// # Errors
    /// Those of `unlink(2)`.
    pub fn end(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Removes what the dead have noted below `places`, and gives how many they were.
///
/// # Errors
/// A directory cannot be read.
pub fn sweep_all(places: &[PathBuf]) -> Result<usize, IdentityError> {
    places.iter().map(|place| sweep(&place.join(PLACE))).sum()
}

fn sweep(directory: &Path) -> Result<usize, IdentityError> {
    let failed = |source| IdentityError::Runtime { path: directory.to_owned(), source };
    let mut swept = 0;
    for entry in records(directory)? {
        let path = entry.path();
        // A name is used once, so that a lock which can be had is that of a dead supervisor, or of
        // one that has ended meanwhile and removed the file.
        let Some(file) = try_lock(&path).map_err(failed)? else { continue };
        let mut record = Vec::new();
        file.take(RECORD_SIZE).read_to_end(&mut record).map_err(failed)?;
        let scratch = Path::new(OsStr::from_bytes(&record));
        if scratch.is_absolute() {
            crate::scratch::remove_directory(scratch);
            swept += 1;
        }
        let _ = fs::remove_file(&path);
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_have_noted_is_removed_and_what_the_living_have_stays() {
        let runtime = tempfile::tempdir().unwrap();
        let places = [runtime.path().join("bulkhead")];
        let scratch = |name: &str| {
            let path = runtime.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("file"), "x").unwrap();
            path
        };
        let (living, dead) = (scratch("living"), scratch("dead"));
        let claim = Claim::make(&places, &living).unwrap();
        drop(Claim::make(&places, &dead).unwrap()); // as a killed process lets go of its files
        assert_eq!(sweep_all(&places).unwrap(), 1);
        assert!(living.exists() && !dead.exists());
        assert_eq!(sweep_all(&places).unwrap(), 0);
        claim.end().unwrap();
    }

    #[test]
    fn a_runtime_directory_of_somebody_elses_is_not_used() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let runtime = tempfile::tempdir().unwrap();
        let place = runtime.path().join("bulkhead");
        fs::create_dir(&place).unwrap();
        std::os::unix::fs::chown(&place, Some(4711), None).unwrap();
        let refused = Claim::make(&[place], Path::new("/x"));
        assert!(matches!(refused, Err(IdentityError::Runtime { .. })), "{refused:?}");
    }
}
