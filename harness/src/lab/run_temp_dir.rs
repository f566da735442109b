//! Directories of a run that a killed run would leave: named, locked, and swept by whoever comes
//! next.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

/// How they are called, wherever they are.
pub const PREFIX: &str = "bulkhead-harness-";

/// Younger than this, one may just be being made, and not be locked yet.
const YOUNG: Duration = Duration::from_mins(1);

/// A directory that is gone with this value; if this process is killed, with the next sweep.
#[derive(Debug)]
pub struct RunTempDir {
    dir: TempDir,
    /// Its lock, which the kernel gives up with this process.
    _lock: File,
}

impl RunTempDir {
    /// Makes one in `place`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn make(place: &Path) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
        let lock = File::open(dir.path())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { dir, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes what dead runs have left in `place`: what was removed. What belongs to a living run, or
/// to somebody else, stays.
#[must_use]
pub fn sweep(place: &Path) -> Vec<PathBuf> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Never through a link, which is what `metadata` of an entry keeps to.
        let Ok(found) = entry.metadata() else { continue };
        let age = found.modified().map(|made| made.elapsed());
        let is_old = age.is_ok_and(|age| age.is_ok_and(|age| age > YOUNG));
        if !is_ours || !is_old || !belongs_to_caller(&found) {
            continue;
        }
        let path = entry.path();
        let gone = if found.is_dir() { dead(&path) } else { fs::remove_file(&path).is_ok() };
        if gone {
            removed.push(path);
        }
    }
    removed.sort();
    removed
}

fn belongs_to_caller(found: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == rustix::process::geteuid().as_raw()
}

/// Whether nobody held the lock of a directory, and it is gone now.
fn dead(path: &Path) -> bool {
    let Ok(lock) = File::open(path) else { return false };
    flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
        && fs::remove_dir_all(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a file or directory look as if it were of yesterday.
    fn age(path: &Path) {
        let yesterday = std::time::SystemTime::now() - Duration::from_hours(24);
        File::open(path).unwrap().set_modified(yesterday).unwrap();
    }

    #[test]
    fn what_a_dead_run_left_goes_and_what_a_living_one_uses_stays() {
        let place = tempfile::tempdir().unwrap();
        let living = RunTempDir::make(place.path()).unwrap();
        let dead = place.path().join(format!("{PREFIX}dead"));
        fs::create_dir_all(dead.join("target/deep")).unwrap();
        let young = place.path().join(format!("{PREFIX}young"));
        fs::create_dir(&young).unwrap();
        let other = place.path().join("somebody-else");
        fs::create_dir(&other).unwrap();
        for path in [living.path(), &dead, &other] {
            age(path);
        }
        assert_eq!(sweep(place.path()), [dead]);
        assert!(living.path().exists() && young.exists() && other.exists());
        assert!(sweep(place.path()).is_empty(), "a second time there is nothing to do");
    }

    #[test]
    fn a_link_of_that_name_leads_nobody_astray() {
        let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("kept"), "").unwrap();
        let link = place.path().join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        let _removed = sweep(place.path());
        assert!(elsewhere.path().join("kept").exists());
    }

    #[test]
    fn it_is_gone_with_its_value() {
        let place = tempfile::tempdir().unwrap();
        let run_temp_dir = RunTempDir::make(place.path()).unwrap();
        let path = run_temp_dir.path().to_owned();
        assert!(path.is_dir());
        drop(run_temp_dir);
        assert!(!path.exists());
    }
}
