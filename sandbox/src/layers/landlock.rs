//! Landlock: the same files as the mount plan once more, by a mechanism that shares no code with
//! it, and rules for sockets and signals.
//!
//! A right is denied where the ruleset handles it and no rule gives it. Rules reach everything
//! beneath a directory, so a grant inside another can only add. What Landlock does not know
//! (`stat`, `chmod`, `chown`, `utime`, extended attributes) is left to the mounts.
#![forbid(unsafe_code)]

mod spoken;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::io;
use std::ops::BitOr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::paths::{self, Identity};
use crate::sys::landlock::{self, Handled};

/// The newest version of the interface that is known. Later ones only add. Of those since 6, which
/// are in `include/uapi/linux/landlock.h` of the kernel, 9 and 10 bring rights; 7 is about what is
/// logged, 8 about threads, of which there is one, and 11 about `no_new_privs`, which is set before.
const NEWEST: u32 = 11;

const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SOCK: u64 = 1 << 9;
const MAKE_FIFO: u64 = 1 << 10;
const MAKE_SYM: u64 = 1 << 12;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// To connect to a path-name socket, or send to it, that no process of this domain has bound.
const RESOLVE_UNIX: u64 = 1 << 16;
/// What a rule may give on anything but a directory.
const ON_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV | RESOLVE_UNIX;

const BIND_TCP: u64 = 1 << 0;
const CONNECT_TCP: u64 = 1 << 1;
const BIND_UDP: u64 = 1 << 2;
const CONNECT_SEND_UDP: u64 = 1 << 3;

const ABSTRACT_SOCKETS: u64 = 1 << 0;
const SIGNALS: u64 = 1 << 1;

/// What a grant allows below its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u64);

impl Access {
    /// Directories are listed.
    pub const LIST: Self = Self(READ_DIR);
    /// Files are read, directories listed.
    pub const READ: Self = Self(READ_FILE | READ_DIR);
    /// Programs are started.
    pub const EXECUTE: Self = Self(EXECUTE);
    /// Files, directories, links, FIFOs and sockets are made, changed, moved and removed. Devices
    /// never are: that right is given to nobody. Sockets there are connected to.
    pub const WRITE: Self = Self(
        WRITE_FILE
            | REMOVE_DIR
            | REMOVE_FILE
            | MAKE_DIR
            | MAKE_REG
            | MAKE_SOCK
            | MAKE_FIFO
            | MAKE_SYM
            | REFER
            | TRUNCATE
            | RESOLVE_UNIX,
    );
    /// Devices take requests: terminals need this.
    pub const CONTROL: Self = Self(IOCTL_DEV);

    /// Whether everything that `other` allows is allowed.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One path, as the payload will see it, and what is allowed there and beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Absolute. What the payload cannot reach when the rules are applied is passed over.
    pub path: PathBuf,
    /// What is allowed.
    pub access: Access,
}

/// A right that the kernel at hand is too old to take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// ABI 1: files cannot be moved or linked between directories at all; builds may break.
    Moves,
    /// Before ABI 3: files may be truncated that may not be written.
    Truncation,
    /// Before ABI 4: TCP is not denied, although it was to be.
    Tcp,
    /// Before ABI 5: devices take requests.
    Requests,
    /// Before ABI 6: abstract sockets and signals go out.
    Scopes,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moves => "no file can be moved between directories (Linux 5.19 allows it)",
            Self::Truncation => "files can be truncated without a right to (Linux 6.2 denies it)",
            Self::Tcp => "TCP cannot be denied (Linux 6.7 can)",
            Self::Requests => "devices take requests without a right to (Linux 6.10 denies it)",
            Self::Scopes => "abstract sockets and signals are not scoped (Linux 6.12 does it)",
        })
    }
}

impl Rules {
    /// The same rules, which count for these files alone where they name their paths.
    #[must_use]
    pub fn of_files(self, known: BTreeMap<PathBuf, Identity>) -> Self {
        Self { known, ..self }
    }
}

/// Why no rules can be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolvable {
    /// The kernel has no Landlock, or it is switched off.
    #[error("this kernel has no Landlock (boot with `lsm=landlock,…`, or use Linux 5.13 or later)")]
    NoLandlock,
    /// No path can contain this.
    #[error("the path {0:?} contains a NUL")]
    NulInPath(PathBuf),
    /// It would mean something else in another directory.
    #[error("the path {0:?} is not absolute")]
    RelativePath(PathBuf),
}

/// Something harmless that works unless the rules took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Witness {
    /// Nobody may list `/`.
    Root,
    /// `/dev/null` takes no requests.
    Null,
}

/// Rules, complete: applying them decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which files the paths stood for when they were looked at, as far as that is known.
    known: BTreeMap<PathBuf, Identity>,
    handled: Handled,
    grants: Vec<(CString, u64)>,
    witness: Option<Witness>,
    /// The version that they are for.
    pub abi: u32,
    /// What this kernel cannot take away.
    pub lacking: Vec<Lacking>,
}

/// The version that this kernel speaks; 0 is none. Asked by system call, for securityfs is
/// seldom mounted where builds run.
#[must_use]
pub fn probe() -> u32 {
    landlock::abi()
}

/// The rules that leave `grants` and nothing else, and TCP and UDP unless they are to be denied. Pure.
///
/// Landlock knows ports and no addresses, so that with these a payload loses loopback too: they are
/// denied only where there is no network namespace.
///
/// # Errors
/// [`Unresolvable`], when there is nothing to make rules with or of.
pub fn resolve(grants: &[Grant], deny_network: bool, abi: u32) -> Result<Rules, Unresolvable> {
    if abi == 0 {
        return Err(Unresolvable::NoLandlock);
    }
    let handled = handled(abi, deny_network);
    let witness = witness(grants, abi);
    let lacking = [
        (abi < 2, Lacking::Moves),
        (abi < 3, Lacking::Truncation),
        (abi < 4 && deny_network, Lacking::Tcp),
        (abi < 5, Lacking::Requests),
        (abi < 6, Lacking::Scopes),
    ];
    let lacking = lacking.into_iter().filter_map(|(lacks, what)| lacks.then_some(what)).collect();
    let grants = grants
        .iter()
        .map(|grant| Ok((path(&grant.path)?, grant.access.0 & handled.files)))
        .collect::<Result<_, _>>()?;
    let known = BTreeMap::new();
    Ok(Rules { known, handled, grants, witness, abi: abi.min(NEWEST), lacking })
}

fn handled(abi: u32, deny_network: bool) -> Handled {
    let files = match abi {
        1 => REFER - 1,
        2 => TRUNCATE - 1,
        3 | 4 => IOCTL_DEV - 1,
        5..=8 => RESOLVE_UNIX - 1,
        _ => (RESOLVE_UNIX << 1) - 1,
    };
    let network = match abi {
        _ if !deny_network => 0,
        ..4 => 0,
        4..10 => BIND_TCP | CONNECT_TCP,
        _ => BIND_TCP | CONNECT_TCP | BIND_UDP | CONNECT_SEND_UDP,
    };
    let scopes = if abi >= 6 { ABSTRACT_SOCKETS | SIGNALS } else { 0 };
    Handled { files, network, scopes }
}

fn path(path: &Path) -> Result<CString, Unresolvable> {
    if path.is_relative() {
        return Err(Unresolvable::RelativePath(path.to_owned()));
    }
    let bytes: Vec<u8> = path.as_os_str().as_bytes().to_vec();
    CString::new(bytes).map_err(|_nul| Unresolvable::NulInPath(path.to_owned()))
}

fn witness(grants: &[Grant], abi: u32) -> Option<Witness> {
    let given = |path: &str, access: Access| {
        let path = Path::new(path);
        grants.iter().any(|grant| path.starts_with(&grant.path) && grant.access.has(access))
    };
    if !given("/", Access::LIST) {
        Some(Witness::Root)
    } else if abi >= 5 && given("/dev/null", Access::READ) && !given("/dev/null", Access::CONTROL) {
        Some(Witness::Null)
    } else {
        None
    }
}

/// Which call failed, and on what.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// `landlock_create_ruleset(2)`.
    #[error("cannot make a Landlock ruleset")]
    Create(#[source] io::Error),
    /// open(2) of a granted path.
    #[error("cannot open {path:?} to grant it")]
    Open {
        /// The path.
        path: CString,
        /// Why.
        source: io::Error,
    },
    /// `landlock_add_rule(2)`.
    #[error("cannot add a Landlock rule for {path:?}")]
    Add {
        /// The path.
        path: CString,
        /// Why.
        source: io::Error,
    },
    /// `landlock_restrict_self(2)`.
    #[error("cannot enter the Landlock domain")]
    Restrict(#[source] io::Error),
    /// The kernel said yes, and then let through what no rule gives.
    #[error("the Landlock rules did not take")]
    NotTaken,
}

impl Failure {
    /// The errno behind it.
    #[must_use]
    pub fn errno(&self) -> Errno {
        let source = match self {
            Self::Create(source)
            | Self::Restrict(source)
            | Self::Open { source, .. }
            | Self::Add { source, .. } => source,
            Self::NotTaken => return Errno::NOTRECOVERABLE,
        };
        Errno::from_io_error(source).unwrap_or(Errno::IO)
    }
}

/// What the self-test saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Something that worked before the rules is refused.
    Taken,
    /// The grants leave nothing that could be tried harmlessly.
    NoWitness,
}

/// A ruleset without a rule, which anybody may add to who holds it.
///
/// # Errors
/// The kernel refuses it.
pub fn begin(rules: &Rules) -> Result<OwnedFd, Failure> {
    landlock::create(rules.handled).map_err(Failure::Create)
}

/// Adds the rule for `path`, which is open as `file`, so that nobody has to look for it again.
///
/// # Errors
/// The kernel refuses it.
pub fn allow(
    rules: &Rules,
    ruleset: BorrowedFd<'_>,
    path: &Path,
    (file, directory): (BorrowedFd<'_>, bool),
) -> Result<(), Failure> {
    let bytes = path.as_os_str().as_bytes();
    let mut found = rules.grants.iter().filter(|(path, _)| path.as_bytes() == bytes);
    found.try_for_each(|(path, rights)| add(ruleset, path, *rights, file, directory))
}

fn add(
    ruleset: BorrowedFd<'_>,
    path: &CString,
    rights: u64,
    beneath: BorrowedFd<'_>,
    directory: bool,
) -> Result<(), Failure> {
    let rights = if directory { rights } else { rights & ON_FILES };
    // The kernel refuses a rule that gives nothing.
    if rights == 0 {
        return Ok(());
    }
    landlock::allow(ruleset, beneath, rights)
        .map_err(|source| Failure::Add { path: path.clone(), source })
}

/// Puts this thread and its descendants under the rules. `no_new_privs` must be set, the root be
/// the payload's, and every mount be made: inside a domain none can be.
///
/// The rules are tried before this returns, on a thing that no grant covers, instead of believed.
///
/// # Errors
/// [`Failure`]; the payload must not be started then.
pub fn apply(rules: &Rules) -> Result<Proof, Failure> {
    complete(rules, begin(rules)?.as_fd(), |_| false)
}

/// The same with a ruleset that has been begun, and has the rules of paths that are `known`.
///
/// # Errors
/// [`Failure`]; the payload must not be started then.
pub fn complete(
    rules: &Rules,
    ruleset: BorrowedFd<'_>,
    known: impl Fn(&[u8]) -> bool,
) -> Result<Proof, Failure> {
    for (path, rights) in rules.grants.iter().filter(|(path, _)| !known(path.as_bytes())) {
        let opened = |source: Errno| Failure::Open { path: path.clone(), source: source.into() };
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let beneath = match rustix::fs::open(path.as_c_str(), flags, Mode::empty()) {
            // What cannot be reached needs no right; to give none is the safe side.
            Err(Errno::NOENT | Errno::ACCESS) => continue,
            other => other.map_err(opened)?,
        };
        let known = rules.known.get(Path::new(OsStr::from_bytes(path.as_bytes())));
        paths::same(&beneath, known.copied()).map_err(opened)?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&beneath).map_err(opened)?.st_mode);
        add(ruleset, path, *rights, beneath.as_fd(), kind == FileType::Directory)?;
    }
    // The witness is heard before and after: a refusal that was there already proves nothing.
    let before = rules.witness.map(refusal);
    landlock::restrict(ruleset).map_err(Failure::Restrict)?;
    match (before, rules.witness.map(refusal)) {
        (None | Some(Some(Errno::ACCESS)), _) => Ok(Proof::NoWitness),
        (_, Some(Some(Errno::ACCESS))) => Ok(Proof::Taken),
        _ => Err(Failure::NotTaken),
    }
}

/// How the witness is refused, if it is.
fn refusal(witness: Witness) -> Option<Errno> {
    let open = |path: &CStr, more| {
        rustix::fs::open(path, OFlags::CLOEXEC | OFlags::RDONLY | more, Mode::empty())
    };
    match witness {
        Witness::Root => open(c"/", OFlags::DIRECTORY).err(),
        // A file has the right to requests, or has not, from when it was opened. Without Landlock
        // the answer is ENOTTY.
        Witness::Null => open(c"/dev/null", OFlags::empty())
            .map_or_else(Some, |null| rustix::termios::tcgetattr(null).err()),
    }
}

#[cfg(test)]
mod tests;
