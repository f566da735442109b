//! What a build sees of the host and of its scratch file system, each as a mount that is attached
//! nowhere.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::CWD;
use rustix::io::Errno;

use super::{Entry, MountPlan, What, idmap};
use crate::layers::proc;
use crate::overlay::{self, AttachedScratch};
use crate::step::{At, Fault, Step};
use crate::sys::mount::{Attributes, clone_tree};

/// Opens every entry that is a path of the host, as a mount of its own that is attached nowhere, and
/// of one that lies over a path of the host that path. The result has one place per entry.
///
/// Done by the supervisor where it is privileged, so that trees below a closed home work; else by
/// the sandbox, which then can give no more than its caller has. Where files of the caller are to
/// be `shown_as` another user's they are, as far as that is needed; what is lain over is shown as
/// that of `owner`, the user of the build.
///
/// # Errors
/// The entry that could not be opened.
pub fn open_entries(
    plan: &MountPlan,
    owner: (u32, u32),
    shown_as: Option<(u32, u32)>,
) -> Result<Vec<Option<OwnedFd>>, Fault> {
    let opened = plan.entries.iter().enumerate().map(|(index, entry)| {
        let opened = open_entry(entry, owner).at(Step::OpenMount);
        let shown = opened.and_then(|opened| show(entry, opened, shown_as).at(Step::ShowFiles));
        shown.map_err(|fault| fault.about(index))
    });
    opened.collect()
}

/// Shows what was opened as `user`'s, where it is the caller's.
fn show(
    entry: &Entry,
    opened: Option<OwnedFd>,
    user: Option<(u32, u32)>,
) -> Result<Option<OwnedFd>, Errno> {
    if let (Some(mount), Some(user), What::Bind { writable, named, .. }) =
        (&opened, user, &entry.what)
    {
        idmap::show_as(mount, user, idmap::Use { writable: *writable, named: *named })?;
    }
    Ok(opened)
}

fn open_entry(entry: &Entry, owner: (u32, u32)) -> Result<Option<OwnedFd>, Errno> {
    Ok(Some(match &entry.what {
        What::Bind { source, writable, .. } => {
            let read_only = !writable;
            clone_tree(CWD, source, Attributes { read_only, ..Attributes::SEALED })?
        }
        What::Device(source) => {
            // A device is written all the same; what cannot be are its times, mode and owner.
            let sealed = Attributes { read_only: true, no_exec: true, no_devices: false };
            clone_tree(CWD, source, sealed)?
        }
        What::Overlay { lower, .. } => overlay::lower_layer(lower, owner)?,
        What::OuterProc => proc::fresh()?,
        _ => return Ok(None),
    }))
}

/// Adds to what was `opened` the directories of the scratch file system, and where there is a layer
/// for an overlay puts that in its place. In a mount namespace of its own, which has the scratch
/// file system as `attached`.
///
/// # Errors
/// The entry that could not be opened.
pub fn open_scratch(
    plan: &MountPlan,
    attached: &AttachedScratch,
    opened: &mut [Option<OwnedFd>],
    overlays: Overlays,
) -> Result<(), Fault> {
    for (index, (entry, opened)) in plan.entries.iter().zip(opened).enumerate() {
        let made = match (&entry.what, overlays) {
            (What::Scratch(name), _) => attached.directory(*name),
            (What::Overlay { upper, notes, .. }, Overlays::ToBeMade) => {
                let lower = opened.take().ok_or(Errno::BADF);
                lower.and_then(|lower| overlay::view(attached, lower.as_fd(), upper, *notes))
            }
            _ => continue,
        };
        *opened = Some(made.at(Step::OpenMount).map_err(|fault| fault.about(index))?);
    }
    Ok(())
}

/// Whether the sandbox makes the overlays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlays {
    /// It does.
    ToBeMade,
    /// A privileged supervisor has.
    Made,
}

/// Makes the overlays of `plan` over what was `opened`, by a privileged supervisor, which is in the
/// host's namespace. Gives `scratch` as the sandbox is to get it, if that is another mount now.
///
/// # Errors
/// The entry that could not be made.
pub fn make_overlays(
    plan: &MountPlan,
    scratch: BorrowedFd<'_>,
    opened: &mut [Option<OwnedFd>],
) -> Result<Option<OwnedFd>, Fault> {
    for (index, (entry, opened)) in plan.entries.iter().zip(opened).enumerate() {
        let What::Overlay { upper, notes, .. } = &entry.what else { continue };
        let lower = opened.take().ok_or(Errno::BADF);
        let made =
            lower.and_then(|lower| overlay::view_apart(scratch, lower.as_fd(), upper, *notes));
        let [overlay, scratch] = made.at(Step::OpenMount).map_err(|fault| fault.about(index))?;
        *opened = Some(overlay);
        // There is one source tree, so one overlay.
        return Ok(Some(scratch));
    }
    Ok(None)
}

/// Gives each of `mounts`, which the supervisor has opened, back to its entry.
///
/// # Errors
/// BADMSG where they are not as many as the entries that are opened.
pub fn assign(
    plan: &MountPlan,
    mut mounts: impl Iterator<Item = OwnedFd>,
) -> Result<Vec<Option<OwnedFd>>, Errno> {
    let assigned = plan.entries.iter().map(|entry| {
        if entry.what.is_opened() { mounts.next().map(Some).ok_or(Errno::BADMSG) } else { Ok(None) }
    });
    let assigned = assigned.collect::<Result<_, _>>()?;
    if mounts.next().is_some() { Err(Errno::BADMSG) } else { Ok(assigned) }
}
