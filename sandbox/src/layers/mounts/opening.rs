//! The paths of the host that a build sees, each opened as a mount that is attached nowhere.
#![forbid(unsafe_code)]

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use super::{Entry, MountPlan, What, idmap};
use crate::layers::proc;
use crate::overlay;
use crate::step::{At, Fault, Step};
use crate::sys::mount::{Attributes, set_attributes};

/// Opens every entry that is a path of the host or of the scratch file system, as a mount of its
/// own that is attached nowhere. The result has one place per entry.
///
/// Done by the supervisor where it is privileged, so that trees below a closed home work; else by
/// the sandbox, which then can give no more than its caller has. Where files of the caller are to
/// be `shown_as` another user's they are, as far as that is needed.
///
/// # Errors
/// The entry that could not be opened.
pub fn open_entries(
    plan: &MountPlan,
    scratch: Option<BorrowedFd<'_>>,
    shown_as: Option<(u32, u32)>,
) -> Result<Vec<Option<OwnedFd>>, Fault> {
    let opened = plan.entries.iter().enumerate().map(|(index, entry)| {
        open_entry(entry, scratch, shown_as).at(Step::OpenMount).map_err(|fault| fault.about(index))
    });
    opened.collect()
}

fn open_entry(
    entry: &Entry,
    scratch: Option<BorrowedFd<'_>>,
    shown_as: Option<(u32, u32)>,
) -> Result<Option<OwnedFd>, Errno> {
    let sealed = Attributes { read_only: true, no_devices: true, no_exec: false };
    let (mount, attributes) = match &entry.what {
        What::Bind { source, writable, .. } => {
            (detached(CWD, source)?, Attributes { read_only: !writable, ..sealed })
        }
        What::Device(source) => {
            (detached(CWD, source)?, Attributes { no_exec: true, ..Attributes::default() })
        }
        What::Scratch(name) => {
            let directory = scratch.ok_or(Errno::BADF)?;
            (detached(directory, Path::new(name))?, Attributes { read_only: false, ..sealed })
        }
        What::Overlay { upper, lower, notes } => {
            let scratch = scratch.ok_or(Errno::BADF)?;
            (
                overlay::view(lower, scratch, upper, *notes)?,
                Attributes { read_only: false, ..sealed },
            )
        }
        What::OuterProc => return proc::fresh().map(Some),
        _ => return Ok(None),
    };
    if let (Some(user), What::Bind { writable, .. }) = (shown_as, &entry.what) {
        idmap::show_as(&mount, user, *writable)?;
    }
    set_attributes(&mount, attributes, true)?;
    Ok(Some(mount))
}

fn detached(directory: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    // Recursive always: the mounts below a path are locked to it in a less privileged namespace,
    // and a clone without them is refused.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(directory, path, flags)
}

/// Gives each of `mounts`, which the supervisor has opened, back to its entry.
///
/// # Errors
/// BADMSG where they are not as many as the entries that are opened.
pub fn assign(plan: &MountPlan, mounts: Vec<OwnedFd>) -> Result<Vec<Option<OwnedFd>>, Errno> {
    let mut mounts = mounts.into_iter();
    let assigned = plan.entries.iter().map(|entry| {
        if entry.what.is_opened() { mounts.next().map(Some).ok_or(Errno::BADMSG) } else { Ok(None) }
    });
    let assigned = assigned.collect::<Result<_, _>>()?;
    if mounts.next().is_some() { Err(Errno::BADMSG) } else { Ok(assigned) }
}
