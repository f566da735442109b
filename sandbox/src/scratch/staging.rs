//! Private directories at paths of their own, for a build that can mount nothing.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat, renameat, symlinkat};
use rustix::io::Errno;

use super::{Copied, FillError, GoOn, Scratch};
use crate::overlay::AttachedScratch;
use crate::payload::{PrivateTree, Purpose};
use crate::pep517::relocated_input;
use crate::plan::Relocation;
use crate::step::{At, Fault, Step};

impl Scratch {
    /// Makes the new directory `path` for `owner`, who can reach what is in it but not exchange it,
    /// and whom nobody else can look at.
    ///
    /// # Errors
    /// What failed, with the path that it is about if it is a copy.
    pub fn stage(
        path: &Path,
        trees: &[PrivateTree],
        relocation: Option<&Relocation>,
        owner: (u32, u32),
        memory: Option<u64>,
        go_on: &mut GoOn<'_>,
    ) -> Result<(Self, Copied), FillError> {
        let scratch = Self::make(Some(path), owner, None)?;
        let Some(relocation) = relocation else {
            let copied = scratch.fill(trees, None, owner, memory, go_on)?;
            return Ok((scratch, copied));
        };
        let (control, others): (Vec<_>, Vec<_>) =
            trees.iter().cloned().partition(|tree| tree.purpose == Purpose::Control);
        let copied = scratch.fill(&others, None, owner, memory, go_on)?;
        for tree in &control {
            let target = scratch.directory(tree.purpose.name(), owner).at(Step::Scratch)?;
            input(tree, &target, relocation, owner).at(Step::CopySource)?;
        }
        for (number, (original, below)) in relocation.stays().enumerate() {
            if let Some(tree) = trees.iter().find(|tree| tree.path == original) {
                scratch.leave(tree, below, number).at(Step::Scratch)?;
            }
        }
        Ok((scratch, copied))
    }

    /// Puts a link to what lies `below` the original of `tree` in the place of its copy.
    fn leave(&self, tree: &PrivateTree, below: &Path, number: usize) -> Result<(), Errno> {
        let (Some(parent), Some(name)) = (below.parent(), below.file_name()) else {
            return Err(Errno::INVAL);
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut here = openat(&self.root, tree.purpose.name(), flags, Mode::empty())?;
        for component in parent {
            here = openat(&here, component, flags, Mode::empty())?;
        }
        // The copy goes away with everything else.
        match renameat(&here, name, &self.root, format!("replaced-{number}")) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        symlinkat(tree.path.join(below), &here, name)
    }

    /// Opens one that the supervisor has made, from inside: by its path, for a descriptor of the
    /// supervisor's leads to the supervisor's mounts, of which nothing can be cloned here.
    ///
    /// # Errors
    /// The errno of `openat(2)`.
    pub fn reopen(path: &Path) -> Result<AttachedScratch, Fault> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(CWD, path, flags, Mode::empty()).map(AttachedScratch::at).at(Step::Scratch)
    }
}

/// Writes `input.json` of the control directory of `tree` into `target`, with the paths at which
/// the build finds its directories.
fn input(
    tree: &PrivateTree,
    target: &OwnedFd,
    relocation: &Relocation,
    owner: (u32, u32),
) -> io::Result<()> {
    let moved = |path: &Path| relocation.place(path).map(PathBuf::into_os_string);
    let text = relocated_input(super::copy::open_tree(tree)?, &moved)?;
    let making = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(target, "input.json", making, Mode::from_raw_mode(0o400))?;
    let mut file = std::fs::File::from(file);
    io::Write::write_all(&mut file, &text)?;
    super::own(&file, owner).map_err(|errno: Errno| errno.into())
}
