//! The record of a build that runs as its caller and has directories on disk, or control groups.
//!
//! It does for such a build what the lease does for one with a uid of its own: a file that is
//! locked while the supervisor lives and names what is to be removed when it is dead. Whose
//! processes those were cannot be told by their uid; ending them is the guardian's, or is done by
//! their control group. All that it names is called as the record is.
//!
//! What a dead build with a uid of its own has left, and who took its lease had no time for, is noted
//! in the same way.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::IdentityError;
use super::records::{Records, Removal, content, remove_group, remove_scratch, spare_time};
use crate::layers::limits::slot::Group;
use crate::scratch::GoOn;

/// The directory of the records, in the runtime directory.
const PLACE: &str = "claim";

/// The longest record that is read.
const RECORD_SIZE: u64 = 64 * 1024;

/// What each entry of a record begins with, by its kind; it ends with a NUL.
const SCRATCH: &[u8] = b"scratch ";
const GROUP: &[u8] = b"group ";

/// A record that is this build's.
#[derive(Debug)]
pub struct Claim {
    records: Records,
    name: String,
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
    /// Notes that a build with the directory `scratch` and control groups like `groups` is about to
    /// run, after a moment's sweep of what the dead have noted.
    ///
    /// # Errors
    /// There is nowhere to keep the record.
    pub fn make(
        places: &[PathBuf],
        scratch: Option<&Path>,
        groups: &[Group],
    ) -> Result<Self, IdentityError> {
        let records = Records::open(places, PLACE)?;
        sweep(&records, &mut Swept::default(), &mut spare_time())?;
        let named = scratch.and_then(Path::file_name).map(OsStr::to_os_string);
        let failed = |source| IdentityError::Runtime { path: records.path(""), source };
        let name = named.map_or_else(new_name, Ok).map_err(failed)?;
        let name = name.to_string_lossy().into_owned();
        let failed = |source| IdentityError::Runtime { path: records.path(&name), source };
        let mut file = records.lock_new(&name).map_err(failed)?;
        let short = short(&name);
        let scratch = scratch.map(|path| (SCRATCH, path.to_owned()));
        let groups = groups.iter().map(|group| (GROUP, group.directory(short)));
        let entry =
            |(kind, path): (&[u8], PathBuf)| [kind, path.as_os_str().as_bytes(), b"\0"].concat();
        let record: Vec<_> = scratch.into_iter().chain(groups).flat_map(entry).collect();
        if let Err(source) = file.write_all(&record) {
            let _ = records.remove(&name);
            return Err(failed(source));
        }
        Ok(Self { records, name, file })
    }

    /// A name that nobody else has: of its control groups.
    #[must_use]
    pub fn name(&self) -> &str {
        short(&self.name)
    }

    /// Notes that nothing of the build is left.
    ///
    /// # Errors
    /// Those of `unlink(2)`.
    pub fn end(self) -> io::Result<()> {
        // Twice, for by what stays there the next build would believe that we were killed.
        self.records.remove(&self.name).or_else(|_| self.records.remove(&self.name))
    }
}

/// What the names of records, and of all that they name, begin with.
const PREFIX: &str = "bulkhead-";

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

fn new_name() -> io::Result<OsString> {
    let path = crate::scratch::new_path(Path::new(""))?;
    Ok(path.into_os_string())
}

/// Notes for later the directory `scratch` of a dead build, beside the `leases` of which one named it.
///
/// # Errors
/// There is nowhere to keep the record.
pub(super) fn note_left(leases: &Path, scratch: &Path) -> Result<(), IdentityError> {
    let records = Records::open(&beside(leases), PLACE)?;
    let name = scratch.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |source| IdentityError::Runtime { path: records.path(&name), source };
    // Noted already, by somebody who was killed before the lease was free.
    if records.is_written(&name) {
        return Ok(());
    }
    let mut file = records.lock_new(&name).map_err(failed)?;
    let entry = [SCRATCH, scratch.as_os_str().as_bytes(), b"\0"].concat();
    file.write_all(&entry).map_err(failed)
}

/// Removes what was noted beside `leases`, as long as `go_on` says.
pub(super) fn sweep_left(leases: &Path, go_on: &mut GoOn<'_>) -> Result<(), IdentityError> {
    for place in beside(leases) {
        if let Some(records) = Records::existing(&place, PLACE) {
            sweep(&records, &mut Swept::default(), go_on)?;
        }
    }
    Ok(())
}

fn beside(leases: &Path) -> Vec<PathBuf> {
    leases.parent().map(Path::to_owned).into_iter().collect()
}

/// What a sweep has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Of how many builds everything was removed.
    pub builds: usize,
    /// What could not be removed and why, one sentence for each build. Its record stays.
    pub left: Vec<String>,
}

/// Removes what the dead have noted below `places`.
///
/// # Errors
/// A directory cannot be read.
pub fn sweep_all(places: &[PathBuf]) -> Result<Swept, IdentityError> {
    let mut swept = Swept::default();
    for records in places.iter().filter_map(|place| Records::existing(place, PLACE)) {
        sweep(&records, &mut swept, &mut || true)?;
    }
    Ok(swept)
}

fn sweep(records: &Records, swept: &mut Swept, go_on: &mut GoOn<'_>) -> Result<(), IdentityError> {
    for name in records.names()? {
        if !go_on() {
            break;
        }
        // A name is used once, so that a lock which can be had is that of a dead supervisor, or of
        // one that has ended meanwhile and removed the file. What is no record is left alone.
        let Ok(Some(file)) = records.lock_existing(&name) else { continue };
        let failed = |source| IdentityError::Runtime { path: records.path(&name), source };
        let record = content(&file, RECORD_SIZE).map_err(failed)?;
        match remove(&record, &name, go_on) {
            Removal::Gone => swept.builds += 1,
            // The next sweep tries again.
            Removal::Left(why) => {
                swept.left.push(why);
                continue;
            }
            Removal::NotOurs => {}
        }
        let _ = records.remove(&name);
    }
    Ok(())
}

/// Removes what the record of that name names. An entry that a full disk has cut off names nothing, for
/// nothing is made before it is noted.
fn remove(record: &[u8], name: &str, go_on: &mut GoOn<'_>) -> Removal {
    let entries = record.split_inclusive(|byte| *byte == 0);
    let removals = entries.filter_map(|entry| entry.strip_suffix(b"\0")).map(|entry| {
        let path = |kind| entry.strip_prefix(kind).map(|path| Path::new(OsStr::from_bytes(path)));
        let called = |path: &&Path| path.file_name() == Some(OsStr::new(name));
        if let Some(group) = path(GROUP) {
            return remove_group(group, short(name));
        }
        let scratch = path(SCRATCH).filter(called);
        scratch.map_or(Removal::NotOurs, |scratch| remove_scratch(scratch, go_on))
    });
    // Each is tried, and what stays counts before all.
    removals.fold(Removal::NotOurs, |before, removal| match (before, removal) {
        (before @ Removal::Left(_), _) | (before, Removal::NotOurs) => before,
        (_, removal) => removal,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        let living = scratch("bulkhead-0123456789abcdef");
        let dead = scratch("bulkhead-fedcba9876543210");
        let claim = Claim::make(&places, Some(&living), &[]).unwrap();
        drop(Claim::make(&places, Some(&dead), &[]).unwrap()); // as a killed process lets go of its files
        assert_eq!(sweep_all(&places).unwrap(), Swept { builds: 1, left: vec![] });
        assert!(living.exists() && !dead.exists());
        assert_eq!(sweep_all(&places).unwrap(), Swept::default());
        claim.end().unwrap();
    }

    #[test]
    fn an_entry_that_was_cut_off_names_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = directory.path().join("bulkhead-0123456789abcdef");
        fs::create_dir(&scratch).unwrap();
        let remove = |record: &[u8], name: &str| remove(record, name, &mut || true);
        let cut = [SCRATCH, scratch.as_os_str().as_bytes()].concat();
        assert_eq!(remove(&cut, "bulkhead-0123456789abcdef"), Removal::NotOurs);
        let whole = [&cut[..], b"\0"].concat();
        assert_eq!(remove(&whole, "bulkhead-ffffffffffffffff"), Removal::NotOurs, "another's");
        assert!(scratch.exists());
        assert_eq!(remove(&whole, "bulkhead-0123456789abcdef"), Removal::Gone);
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
        let refused = Claim::make(&[place], Some(Path::new("/x")), &[]);
        assert!(matches!(refused, Err(IdentityError::Runtime { .. })), "{refused:?}");
    }
}
