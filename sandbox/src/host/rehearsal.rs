//! A launch in small, to learn what the host refuses: what a version or a setting promises, a
//! filter, a security module or a mask over `/proc` may still forbid.
#![forbid(unsafe_code)]

use std::fmt;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, OpenTreeFlags,
    fsconfig_create, fsmount, fsopen, mount_change, open_tree,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, getegid, geteuid, waitpid};
use rustix::system::{setdomainname, sethostname};
use rustix::thread::UnshareFlags;

use crate::sys::clone::{Side, clone_into};
use crate::sys::loopback;
use crate::sys::mount::{Attributes, set_attributes};

/// What a namespaced launch does that a host may refuse, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Creating the namespaces, the user namespace among them.
    Create,
    /// Mapping a user into the user namespace.
    MapIds,
    /// Giving the host name namespace a name.
    Hostname,
    /// Mounting a file system in memory, and a part of the host's.
    Mount,
    /// Bringing up loopback.
    Loopback,
    /// Mounting a fresh `/proc`.
    Proc,
}

impl Act {
    /// Every act, in order.
    pub const ALL: [Self; 6] =
        [Self::Create, Self::MapIds, Self::Hostname, Self::Mount, Self::Loopback, Self::Proc];

    /// Whether a launch can do without it, with less to hold.
    #[must_use]
    pub const fn can_be_spared(self) -> bool {
        matches!(self, Self::Hostname | Self::Proc)
    }

    /// What it does, as it stands behind "could not".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Create => "create the namespaces",
            Self::MapIds => "map a user",
            Self::Hostname => "set the host name",
            Self::Mount => "mount file systems",
            Self::Loopback => "bring up loopback",
            Self::Proc => "mount a fresh /proc",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// What is known about namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// `user.max_user_namespaces` is 0, or the kernel has none.
    Off,
    /// Nothing speaks against them. They were not tried, for that costs half a launch.
    Presumed,
    /// They were tried, and these acts refused.
    Rehearsed(Vec<(Act, Errno)>),
}

impl Namespaces {
    /// Whether a launch can rest on them.
    #[must_use]
    pub fn are_usable(&self) -> bool {
        match self {
            Self::Off => false,
            Self::Presumed => true,
            Self::Rehearsed(refused) => refused.iter().all(|(act, _)| act.can_be_spared()),
        }
    }

    /// Whether `act` can be done in them.
    #[must_use]
    pub fn allow(&self, act: Act) -> bool {
        self.are_usable() && self.refusal(act).is_none()
    }

    /// Whether nothing at all is refused in them.
    #[must_use]
    pub fn allow_all(&self) -> bool {
        Act::ALL.into_iter().all(|act| self.allow(act))
    }

    /// Why a launch cannot rest on them, in words.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            _ if self.are_usable() => None,
            Self::Off => Some("user namespaces are switched off here".to_owned()),
            Self::Presumed => None,
            Self::Rehearsed(refused) => {
                let grave = refused.iter().find(|(act, _)| !act.can_be_spared());
                grave.map(|(act, errno)| {
                    format!("this host does not let the sandbox {act} ({})", in_words(*errno))
                })
            }
        }
    }

    /// The errno with which `act` was refused.
    #[must_use]
    pub fn refusal(&self, act: Act) -> Option<Errno> {
        match self {
            Self::Rehearsed(refused) => {
                refused.iter().find(|(known, _)| *known == act).map(|(_, errno)| *errno)
            }
            Self::Off | Self::Presumed => None,
        }
    }
}

/// An errno without its number.
pub(crate) fn in_words(errno: Errno) -> String {
    let text = errno.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    words.to_ascii_lowercase()
}

/// Every namespace of a launch.
const NAMESPACES: UnshareFlags = UnshareFlags::NEWUSER
    .union(UnshareFlags::NEWNS)
    .union(UnshareFlags::NEWPID)
    .union(UnshareFlags::NEWNET)
    .union(UnshareFlags::NEWIPC)
    .union(UnshareFlags::NEWUTS)
    .union(UnshareFlags::NEWCGROUP);

/// What comes back about each act: an errno, or 0.
const ANSWER: usize = size_of::<i32>();

type Attempt = fn() -> Result<(), Errno>;

/// The acts that the child tries; the others are its parent's.
const TRIED: [(Act, Attempt); 4] = [
    (Act::Hostname, name_host),
    (Act::Mount, mount),
    (Act::Loopback, loopback::bring_up),
    (Act::Proc, fresh_proc),
];

/// Tries every act in a process of its own, and gives those that were refused.
///
/// The caller must have one thread only, as for a launch. Nothing is left of it.
#[must_use]
pub fn rehearse() -> Vec<(Act, Errno)> {
    match pipes() {
        Ok((go, answers)) => create(go, answers),
        Err(errno) => vec![(Act::Create, errno)],
    }
}

type Pipe = (OwnedFd, OwnedFd);

fn pipes() -> Result<(Pipe, Pipe), Errno> {
    Ok((pipe_with(PipeFlags::CLOEXEC)?, pipe_with(PipeFlags::CLOEXEC)?))
}

fn create(go: Pipe, answers: Pipe) -> Vec<(Act, Errno)> {
    let started = match clone_into(NAMESPACES) {
        Err(errno) => return vec![(Act::Create, errno)],
        Ok(Side::Child) => {
            drop((go.1, answers.0));
            act(&go.0, &answers.1)
        }
        Ok(Side::Parent(started)) => started,
    };
    // Its end must be seen, so nobody else may hold the other sides.
    drop((go.0, answers.1));
    let mut refused = Vec::new();
    match map(started.pid) {
        // A child that has not got the word says nothing, and would be waited for in vain.
        Ok(()) => match rustix::io::write(&go.1, b"g") {
            Ok(_) => refused.extend(listen(&answers.0)),
            Err(errno) => refused.push((Act::Create, errno)),
        },
        Err(errno) => refused.push((Act::MapIds, errno)),
    }
    // Without a word to go on the child ends.
    drop(go.1);
    let _ = waitpid(Some(started.pid), WaitOptions::empty());
    refused
}

/// Maps the caller to uid 1000, as a launch without a leased uid does.
fn map(child: Pid) -> Result<(), Errno> {
    let write = |file: &str, text: String| {
        let path = format!("/proc/{}/{file}", child.as_raw_nonzero());
        fs::write(path, text).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("1000 {} 1", geteuid().as_raw()))?;
    write("gid_map", format!("1000 {} 1", getegid().as_raw()))
}

fn listen(answers: &OwnedFd) -> Vec<(Act, Errno)> {
    let mut refused = Vec::new();
    for (act, _) in TRIED {
        let mut bytes = [0; ANSWER];
        let errno = match rustix::io::read(answers, &mut bytes) {
            Ok(ANSWER) => match i32::from_ne_bytes(bytes) {
                0 => continue,
                number => Errno::from_raw_os_error(number),
            },
            Ok(_) => Errno::PIPE,
            Err(errno) => errno,
        };
        refused.push((act, errno));
    }
    refused
}

/// The child's part.
fn act(go: &OwnedFd, answers: &OwnedFd) -> ! {
    if matches!(rustix::io::read(go, &mut [0; 1]), Ok(1)) {
        for (_, attempt) in TRIED {
            let errno = attempt().err().map_or(0, Errno::raw_os_error);
            // Without a reader there is nobody to tell.
            let _ = rustix::io::write(answers, &errno.to_ne_bytes());
        }
    }
    std::process::exit(0)
}

fn name_host() -> Result<(), Errno> {
    sethostname(b"localhost")?;
    setdomainname(b"(none)")
}

fn mount() -> Result<(), Errno> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    make("tmpfs")?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, "/dev", flags)?;
    set_attributes(&tree, Attributes { read_only: true, ..Attributes::default() }, true)
}

/// Makes a file system that is attached nowhere.
fn make(kind: &str) -> Result<(), Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags).map(drop)
}

fn fresh_proc() -> Result<(), Errno> {
    make("proc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_name_and_a_fresh_proc_can_be_spared() {
        for act in Act::ALL {
            let namespaces = Namespaces::Rehearsed(vec![(act, Errno::PERM)]);
            let spared = matches!(act, Act::Hostname | Act::Proc);
            assert_eq!(namespaces.are_usable(), spared, "{act}");
            assert!(!namespaces.allow(act) && !namespaces.allow_all());
            assert_eq!(namespaces.refusal(act), Some(Errno::PERM));
        }
        assert!(Namespaces::Rehearsed(vec![]).allow_all());
        assert!(Namespaces::Presumed.are_usable() && !Namespaces::Off.are_usable());
    }

    #[test]
    fn the_cause_is_what_cannot_be_spared() {
        let refused = [Act::Hostname, Act::Mount, Act::Proc].map(|act| (act, Errno::PERM));
        let cause = Namespaces::Rehearsed(refused.to_vec()).cause().unwrap();
        assert!(cause.contains("mount file systems"), "{cause}");
    }
}
