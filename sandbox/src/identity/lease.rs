//! A uid without an account, held by a lock on a file; nothing is written in `/etc`.
//!
//! A lease file is empty while nobody uses the uid. Its holder writes a record into it before the
//! build starts and empties it once everything of the build is gone. So whoever takes a lease and
//! finds a record knows that its holder was killed, and first ends and removes what it left.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::records::{Records, Removal, content, remove_group, remove_scratch, spare_time};
use super::{IdentityError, claim, processes};
use crate::layers::limits::slot::Group;
use crate::scratch::GoOn;

/// The directory of the leases, in the runtime directory.
const PLACE: &str = "uid";

/// A uid that is this build's alone while the value lives, and longer if its holder is killed.
#[derive(Debug)]
pub struct Lease {
    uid: u32,
    file: File,
    name: String,
    /// What every process of the build has, once it has begun: see [`processes`].
    mark: Option<u64>,
    /// Whether something may stand in the file.
    written: bool,
}

impl Lease {
    /// Takes one of `uids` that nobody holds, and that no living process has as a uid or gid.
    ///
    /// What dead builds have left on disk is removed as far as that takes a moment; the rest is for
    /// who comes later, closed to everybody.
    ///
    /// # Errors
    /// There is nowhere to keep the lock, every uid is held or inhabited, or a dead build's processes
    /// cannot be ended.
    pub fn take(places: &[PathBuf], uids: &[u32]) -> Result<Self, IdentityError> {
        let records = Records::open(places, PLACE)?;
        let mut spare = spare_time();
        // Where a search begins does not matter; beginning at different uids keeps parallel starts
        // apart and lets a uid rest before it is used again.
        let start = usize::try_from(std::process::id()).unwrap_or(0) % uids.len().max(1);
        let order = uids.iter().skip(start).chain(uids.iter().take(start));
        let (all, mut inhabited) = (uids.len(), 0);
        for uid in order {
            let Ok(lease) = Self::try_take(&records, *uid, &mut spare)? else { continue };
            if !processes::is_inhabited(*uid).map_err(IdentityError::Unseen)? {
                claim::sweep_left(records.directory(), &mut spare)?;
                return Ok(lease);
            }
            inhabited += 1;
        }
        Err(match inhabited {
            0 => IdentityError::Exhausted(all),
            _ => IdentityError::Inhabited { inhabited, all },
        })
    }

    /// Takes the lease of `uid`, or gives what of a dead build's keeps it from being free; nothing
    /// where somebody living holds it.
    fn try_take(
        records: &Records,
        uid: u32,
        go_on: &mut GoOn<'_>,
    ) -> Result<Result<Self, Option<String>>, IdentityError> {
        let record = uid.to_string();
        let failed = |source| IdentityError::Runtime { path: records.path(&record), source };
        let Some(file) = records.lock(&record).map_err(failed)? else {
            return Ok(Err(None));
        };
        let left = content(&file, RECORD_SIZE).map_err(failed)?;
        let (name, written) = (name(records.directory(), uid), !left.is_empty());
        let mut lease = Self { uid, file, name, mark: None, written };
        if !left.is_empty() {
            let left = sweep((uid, &lease.name), records.directory(), &left, go_on)?;
            if left.is_some() {
                return Ok(Err(left));
            }
            lease.write_record(b"").map_err(failed)?;
        }
        Ok(Ok(lease))
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

    /// Takes the lease of that [`Self::name`], if it is kept in one of `places`, nobody holds it and
    /// its uid is nobody's, by `is_free`.
    #[must_use]
    pub fn take_named(
        places: &[PathBuf],
        wanted: &str,
        is_free: &dyn Fn(u32) -> bool,
    ) -> Option<Self> {
        let uid = number(wanted.split_once('-')?.0).filter(|uid| is_free(*uid))?;
        let mut kept = places.iter().filter_map(|place| Records::existing(place, PLACE));
        let records = kept.find(|records| name(records.directory(), uid) == wanted)?;
        Self::try_take(&records, uid, &mut || true).ok()?.ok()
    }

    /// Notes that a build is about to run as this uid, with its `scratch` directory if it has one, and
    /// with control groups like `groups`.
    ///
    /// # Errors
    /// Those of writing the lease file.
    pub fn begin(&mut self, scratch: Option<&Path>, groups: &[Group]) -> io::Result<()> {
        let mark = processes::new_mark()?;
        self.mark = Some(mark);
        let mut record = format!("supervisor {}\nmark {mark}\n", std::process::id()).into_bytes();
        for group in groups {
            let group = group.directory(&self.name);
            record.extend([GROUP, group.as_os_str().as_bytes(), b"\n"].concat());
        }
        if let Some(scratch) = scratch {
            record.extend([SCRATCH, scratch.as_os_str().as_bytes(), b"\n"].concat());
        }
        self.write_record(&record)
    }

    /// The mark of the build's processes, once it has begun.
    #[must_use]
    pub const fn mark(&self) -> Option<u64> {
        self.mark
    }

    /// Notes that nothing of the build is left.
    ///
    /// # Errors
    /// Those of writing the lease file.
    pub fn end(mut self) -> io::Result<()> {
        self.write_record(b"")
    }

    /// Puts `record` in the place of what the file holds.
    fn write_record(&mut self, record: &[u8]) -> io::Result<()> {
        if self.written {
            // Twice, for by what stays there the next holder would believe that we were killed.
            self.file.set_len(0).or_else(|_| self.file.set_len(0))?;
        }
        self.written = !record.is_empty();
        self.file.write_all_at(record, 0)
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

/// How the line begins that names a directory, and the one that names a control group.
const SCRATCH: &[u8] = b"scratch ";
/// How the line begins that tells the mark of the build's processes.
const MARK: &[u8] = b"mark ";
const GROUP: &[u8] = b"group ";

/// The uid that a record of that name is for: a number as it is written, and root's never.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|uid: &u32| *uid != 0 && uid.to_string() == text)
}

/// Ends and removes what the build of a dead supervisor left under `uid`, whose lease has this `name`:
/// processes that have its mark, and a directory or control group only if it is one that bulkhead
/// makes. What else is in the record, also half of a line that a full disk has cut off, names nothing.
///
/// What of the directory there is no time for, or cannot be removed, is noted in `directory`'s
/// neighbour, and the lease is free. Where it cannot be noted the lease must keep its record: then what
/// stays is given, and why.
fn sweep(
    (uid, name): (u32, &str),
    directory: &Path,
    record: &[u8],
    go_on: &mut GoOn<'_>,
) -> Result<Option<String>, IdentityError> {
    let mut left = None;
    let lines = || record.split(|byte| *byte == b'\n');
    let marks = lines().filter_map(|line| std::str::from_utf8(line.strip_prefix(MARK)?).ok());
    for mark in marks.filter_map(|mark| mark.parse().ok()) {
        let ended = processes::end_marked(uid, mark);
        ended.map_err(|source| IdentityError::Unkillable { uid, source })?;
    }
    for scratch in lines().filter_map(|line| line.strip_prefix(SCRATCH)) {
        let scratch = Path::new(OsStr::from_bytes(scratch));
        if matches!(remove_scratch(scratch, go_on), Removal::Left(_))
            && claim::note_left(directory, scratch).is_err()
            // It is nowhere to be noted, so that it has to go now.
            && let Removal::Left(why) = remove_scratch(scratch, &mut || true)
        {
            left = Some(why);
        }
    }
    for group in lines().filter_map(|line| line.strip_prefix(GROUP)) {
        // An empty one that stays costs next to nothing.
        remove_group(Path::new(OsStr::from_bytes(group)), name);
    }
    Ok(left)
}

impl AsRawFd for Lease {
    /// The lock.
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// Sweeps every lease below `places` whose holder is dead, and gives the swept uids, and what keeps
/// others from being free. Only a record
/// that may be believed counts, and only one whose uid is nobody's by `is_free`: of a uid that has
/// become somebody's no process is the build's.
///
/// # Errors
/// A directory cannot be read, or processes cannot be ended.
pub fn sweep_all(
    places: &[PathBuf],
    is_free: &dyn Fn(u32) -> bool,
) -> Result<(Vec<u32>, Vec<String>), IdentityError> {
    let (mut swept, mut left) = (Vec::new(), Vec::new());
    for records in places.iter().filter_map(|place| Records::existing(place, PLACE)) {
        for name in records.names()? {
            let uid = number(&name).filter(|uid| is_free(*uid) && records.is_written(&name));
            let Some(uid) = uid else { continue };
            match Lease::try_take(&records, uid, &mut || true)? {
                Ok(_) => swept.push(uid),
                Err(why) => left.extend(why),
            }
        }
    }
    Ok((swept, left))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;

    /// Whether processes can be given to other users.
    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    /// A program that sleeps as this uid, started with these words in front.
    fn sleeper(uid: u32, before: &[&str]) -> Child {
        let words = [before, &["/bin/sleep", "60"]].concat();
        let mut command = Command::new(words[0]);
        let child = command.args(&words[1..]).uid(uid).gid(uid).spawn().unwrap();
        let name = format!("/proc/{}/comm", child.id());
        while std::fs::read_to_string(&name).unwrap() != "sleep\n" {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child
    }

    #[test]
    fn what_a_dead_holder_has_left_running_ends_before_its_uid_is_leased_again() {
        if !is_root() {
            return;
        }
        let runtime = tempfile::tempdir().unwrap();
        let places = [runtime.path().to_owned()];
        let mut dead = Lease::take(&places, &[61_905]).unwrap();
        dead.begin(None, &[]).unwrap();
        let locks = format!("--locks={0}:{0}", dead.mark().unwrap());
        drop(dead); // with the record still there
        let mut left = sleeper(61_905, &["/usr/bin/prlimit", &locks]);
        assert!(Lease::take(&places, &[61_905]).is_ok());
        assert!(!left.wait().unwrap().success());
    }

    #[test]
    fn a_uid_that_a_living_process_has_is_not_leased() {
        if !is_root() {
            return;
        }
        let runtime = tempfile::tempdir().unwrap();
        let mut stranger = sleeper(61_906, &[]);
        let taken = Lease::take(&[runtime.path().to_owned()], &[61_906]);
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        assert!(matches!(taken, Err(IdentityError::Inhabited { inhabited: 1, all: 1 })));
    }

    #[test]
    fn no_record_is_of_root_and_each_uid_has_one_spelling() {
        assert_eq!(number("61900"), Some(61_900));
        for text in ["0", "-0", "00", "+61900", "061900", "", "root"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

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
        living.begin(None, &[]).unwrap();
        let mut dead = Lease::take(&places, &[61_903]).unwrap();
        dead.begin(None, &[]).unwrap();
        drop(dead); // as the kernel closes a killed process's files, with the record still there
        let swept = |is_free: &dyn Fn(u32) -> bool| sweep_all(&places, is_free).unwrap().0;
        assert_eq!(swept(&|uid| uid != 61_903), Vec::<u32>::new());
        assert_eq!(swept(&|_| true), [61_903]);
        assert_eq!(swept(&|_| true), Vec::<u32>::new());
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
