//! Whether what was opened is what was looked at.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::{MountPlan, What};
use crate::paths::{self, Identity};
use crate::step::{At, Fault, Step};

/// Looks whether each of the mounts that were `opened` for the entries of `plan` is of the file that
/// its path stood for before, where that is `known`. The mount itself is looked at, so that nothing
/// can be exchanged between the look and its use.
///
/// # Errors
/// ESTALE with the entry whose path stands for another file by now.
pub fn check(
    plan: &MountPlan,
    known: &BTreeMap<PathBuf, Identity>,
    opened: &[Option<OwnedFd>],
) -> Result<(), Fault> {
    for (index, (entry, mount)) in plan.entries.iter().zip(opened).enumerate() {
        let (Some(path), Some(mount)) = (host_path(&entry.what), mount) else { continue };
        let looked = paths::same(mount, known.get(path).copied());
        looked.at(Step::OpenMount).map_err(|fault| fault.about(index))?;
    }
    Ok(())
}

/// The path of the host that a mount is of, or that one will lie over.
fn host_path(what: &What) -> Option<&Path> {
    match what {
        What::Bind { source, .. } | What::Overlay { lower: source, .. } => Some(source),
        _ => None,
    }
}
