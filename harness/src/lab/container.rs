//! The outer wall around all labs: a container in which the harness itself runs, and a supervisor that
//! stays outside.
//!
//! What gets out of a lab, whatever the way, finds a machine in which nothing is the host's: processes,
//! network, IPC and mounts are the container's own, its root is an overlay that nobody writes to, and
//! only the folders that the command was asked to write to are there to be written. The supervisor holds
//! the container's first process, whose end is by the kernel's hand the end of all others
//! (`pid_namespaces(7)`).
//!
//! Three parts are played by the one program, each by the one before it: the supervisor starts the
//! container's first process, which makes the mounts, becomes the container's own copy of the program, and
//! starts the harness.
#![forbid(unsafe_code)]

mod first;
mod supervisor;
mod tree;

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::errno::Errno;
use sandbox::doctor::PIVOT;
use sandbox::host::surroundings::Surroundings;
use sandbox::sys::descriptors::adopt;

use super::LabError;
use super::host_tree::HostTree;

pub use supervisor::{Ended, supervise};

/// The argument by which the program knows that it is to make the container.
const MAKES: &str = "__container";
/// The argument by which it knows that it is the first process of one that is made.
const FIRST: &str = "__container-first";
/// The argument by which it knows that it is the harness in one.
const INSIDE: &str = "__contained";

/// What is said of a container that is made; no text begins with it.
const MADE: &[u8] = b"\0";

/// What only the container has.
const PLACE: &str = "/.container";
/// The host's files, sealed.
const HOST: &str = "/.container/host";
/// The host's device nodes, where the kernel has a file system of its own for them.
const DEVICES: &str = "/.container/devices";
/// The program.
const PROGRAM: &str = "/.container/harness";
/// Where the harness has its temporary files.
const TEMPORARY: &str = "/.container/tmp";

/// What this machine lacks for labs, in words.
#[must_use]
pub fn explained(error: &LabError) -> String {
    if Surroundings::probe().chroot {
        return format!(
            "no lab can be made below `chroot`, where this program was started: start it outside; or {PIVOT}"
        );
    }
    let refused = match error {
        LabError::Step { source, .. } => matches!(
            source.raw_os_error().map(Errno::from_raw),
            Some(Errno::EPERM | Errno::ENOSYS | Errno::EINVAL)
        ),
        _ => false,
    };
    if refused {
        format!("{error}; labs need Linux 5.15 and CAP_SYS_ADMIN")
    } else {
        error.to_string()
    }
}

/// What the container's first process is told: as arguments, since the names of files are any bytes.
#[derive(Debug, PartialEq, Eq)]
struct Errand {
    /// The supervisor's number on the host.
    owner: u32,
    /// The descriptor whose end is the supervisor's.
    lifeline: RawFd,
    /// The descriptor of the host's table of mounts.
    table: RawFd,
    /// The descriptor on which is said that the container is made, or what went wrong; its end is the
    /// beginning of the first process's end.
    report: RawFd,
    /// Control groups bound every lab.
    bounded: bool,
    /// The directory in which the command is started.
    here: PathBuf,
    /// The folders that it may write to.
    folders: Vec<PathBuf>,
    /// The command, its name first.
    command: Vec<OsString>,
}

impl Errand {
    fn words(&self) -> Vec<OsString> {
        let numbers = [
            self.owner.to_string(),
            self.lifeline.to_string(),
            self.table.to_string(),
            self.report.to_string(),
            u8::from(self.bounded).to_string(),
            self.folders.len().to_string(),
        ];
        let paths = [&self.here].into_iter().chain(&self.folders);
        let words = numbers.into_iter().map(OsString::from);
        words.chain(paths.map(|it| it.clone().into())).chain(self.command.iter().cloned()).collect()
    }

    fn of(words: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut words = words;
        let mut number = || words.next()?.to_str()?.parse::<i32>().ok();
        let (owner, lifeline, table) = (number()?, number()?, number()?);
        let (report, bounded, folders) = (number()?, number()? == 1, number()?);
        Some(Self {
            owner: owner.try_into().ok()?,
            lifeline,
            table,
            report,
            bounded,
            here: words.next()?.into(),
            folders: words.by_ref().take(folders.try_into().ok()?).map(PathBuf::from).collect(),
            command: words.collect(),
        })
    }
}

/// Plays the part of `role` in the making of a container, if it is one of those.
pub(super) fn played(role: &OsString) -> Option<ExitCode> {
    let errand = || Errand::of(std::env::args_os().skip(2));
    match role {
        role if role == MAKES => Some(first::make(errand())),
        role if role == FIRST => Some(first::play(errand())),
        _ => None,
    }
}

/// The arguments of a harness in its container without those that say so, and the host's files there;
/// the same arguments and nothing where it is in none. What its first process keeps for itself of the
/// signals is let through again.
///
/// # Errors
/// Those of `sigprocmask(2)`.
pub fn contained(mut args: Vec<OsString>) -> io::Result<(Vec<OsString>, Option<HostTree>)> {
    if args.get(1).is_none_or(|role| role != INSIDE) {
        return Ok((args, None));
    }
    first::signals().thread_unblock()?;
    let number = |word: &OsString| word.to_str()?.parse::<RawFd>().ok();
    let words: Vec<_> = args.drain(1..args.len().min(4)).collect();
    let told = words.get(1).and_then(number).zip(words.get(2).and_then(number));
    let tree = told.and_then(|(owner, table)| {
        let owner = owner.try_into().ok()?;
        let devices = if Path::new(DEVICES).is_dir() { DEVICES } else { "/dev" };
        Some(HostTree::of_container(Path::new(HOST), Path::new(devices), adopt(table)?, owner))
    });
    Ok((args, tree))
}

/// Text of the kernel's or of somebody else's, as it comes over a pipe.
fn text(bytes: Vec<u8>) -> String {
    OsString::from_vec(bytes).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_is_read_as_it_was_told() {
        let errand = Errand {
            owner: 7,
            lifeline: 3,
            table: 4,
            report: 5,
            bounded: true,
            here: PathBuf::from(OsString::from_vec(b"/tmp/\xff here".to_vec())),
            folders: vec![PathBuf::from("/a b"), PathBuf::from("-E")],
            command: vec!["harness".into(), "run".into(), "".into()],
        };
        assert_eq!(Errand::of(errand.words().into_iter()), Some(errand));
        assert_eq!(Errand::of(["7".into(), "x".into()].into_iter()), None);
    }

    #[test]
    fn only_the_harness_in_a_container_has_other_arguments() {
        let args: Vec<OsString> = ["harness", "run", "-j", "2"].map(Into::into).to_vec();
        let (same, tree) = contained(args.clone()).unwrap();
        assert!(same == args && tree.is_none());
        let more = ["harness", INSIDE, "9", "999999", "run", "-j", "2"].map(Into::into).to_vec();
        let (same, tree) = contained(more).unwrap();
        // There is no such descriptor.
        assert!(same == args && tree.is_none());
    }
}
