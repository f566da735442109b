//! Private directories at paths of their own, for a build that can mount nothing.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, fchmod, openat};
use rustix::io::Errno;
use rustix::process::{Gid, geteuid};

use super::Scratch;
use crate::payload::{PrivateTree, Purpose};
use crate::pep517::relocated_input;
use crate::plan::Relocation;
use crate::step::{At, Fault, Step};

impl Scratch {
    /// Makes the new directory `path` for `owner`, who can reach what is in it but not exchange it,
    /// and whom nobody else can look at.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn stage(
        path: &Path,
        trees: &[PrivateTree],
        relocation: Option<&Relocation>,
        owner: (u32, u32),
    ) -> Result<Self, Fault> {
        let scratch = Self::make(Some(path), owner)?;
        if owner.0 == geteuid().as_raw() {
            fchmod(&scratch.root, Mode::from_raw_mode(0o700)).at(Step::Scratch)?;
        } else {
            // By the group alone, which is the leased one: a directory that the build owned it
            // could rename things in.
            let group = Some(Gid::from_raw(owner.1));
            rustix::fs::fchown(&scratch.root, None, group).at(Step::Scratch)?;
            fchmod(&scratch.root, Mode::from_raw_mode(0o710)).at(Step::Scratch)?;
        }
        let Some(relocation) = relocation else {
            scratch.fill(trees, None, owner)?;
            return Ok(scratch);
        };
        let (control, others): (Vec<_>, Vec<_>) =
            trees.iter().cloned().partition(|tree| tree.purpose == Purpose::Control);
        scratch.fill(&others, None, owner)?;
        for tree in &control {
            let target = scratch.directory(tree.purpose.name(), owner).at(Step::Scratch)?;
            input(&tree.path, &target, relocation, owner).at(Step::CopySource)?;
        }
        Ok(scratch)
    }

    /// Opens one that the supervisor has made, from inside: by its path, for a descriptor of the
    /// supervisor's leads to the supervisor's mounts, of which nothing can be cloned here.
    ///
    /// # Errors
    /// The errno of `openat(2)`.
    pub fn reopen(path: &Path) -> Result<Self, Fault> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = openat(CWD, path, flags, Mode::empty()).at(Step::Scratch)?;
        Ok(Self { root, path: None })
    }
}

/// Writes `input.json` of the control directory `source` into `target`, with the paths at which
/// the build finds its directories.
fn input(
    source: &Path,
    target: &OwnedFd,
    relocation: &Relocation,
    owner: (u32, u32),
) -> io::Result<()> {
    let moved = |path: &Path| relocation.place(path).map(PathBuf::into_os_string);
    let text = relocated_input(source, &moved)?;
    let making = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(target, "input.json", making, Mode::from_raw_mode(0o400))?;
    let mut file = std::fs::File::from(file);
    io::Write::write_all(&mut file, &text)?;
    super::own(&file, owner).map_err(|errno: Errno| errno.into())
}
