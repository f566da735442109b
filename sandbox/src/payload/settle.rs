//! Opening every path of a payload, once, before anything is decided about it.
#![forbid(unsafe_code)]

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags};

use super::{Grant, Payload, PayloadError, Purpose};
use crate::paths::{self, Identity, Trust};
use crate::policy::files::{HOME, SYSTEM};

/// The paths of a payload, held open from before its launch until it is over: as long as they are,
/// no other file can have the numbers that each of them is known by.
#[derive(Debug, Default)]
pub struct HeldPaths(Vec<OwnedFd>);

impl HeldPaths {
    /// Holds one more.
    pub fn keep(&mut self, file: OwnedFd) {
        self.0.push(file);
    }
}

/// Places of the sandbox's own, over which no link may lie.
const OWN: [&str; 7] = ["/tmp", "/var/tmp", "/dev", "/proc", "/etc", "/sys", HOME];

impl Payload {
    /// Opens every path that the payload is to use, and notes which file each is.
    ///
    /// A link on the way is followed only where nobody but the caller and root can have made it, and
    /// none below a directory that builds may have written to: its trees, what is granted to be
    /// written, the environment. The paths are then those without links, and [`Self::links`] has the
    /// names that the caller gave.
    ///
    /// # Errors
    /// A path is missing, behind such a link, or was exchanged meanwhile.
    pub fn settle(&mut self) -> Result<HeldPaths, PayloadError> {
        let trust = self.trust(&[]);
        let mut held = HeldPaths::default();
        let mut named = Vec::new();
        for tree in &mut self.trees {
            let what = spoken(tree.purpose);
            let place = settled(what, &tree.path, tree.identity, &trust, &mut held)?;
            if !place.directory {
                let problem = paths::PathError::NoDirectory(tree.path.clone());
                return Err(PayloadError::Path { what, path: tree.path.clone(), problem });
            }
            named.push((std::mem::replace(&mut tree.path, place.real.clone()), place.real));
            tree.identity = Some(place.identity);
        }
        for grant in &mut self.grants {
            let what = granted(grant);
            let place = settled(what, &grant.path, grant.identity, &trust, &mut held)?;
            named.push((std::mem::replace(&mut grant.path, place.real.clone()), place.real));
            (grant.directory, grant.identity) = (place.directory, Some(place.identity));
        }
        if let Some((_, real)) = named.iter().find(|(name, _)| *name == self.directory) {
            self.directory.clone_from(real);
        }
        self.links.extend(named.into_iter().filter(|(name, real)| name != real));
        self.clear_links();
        Ok(held)
    }

    /// Whose links are followed on the way to a path of this payload's; `further` are directories
    /// that builds may write to as well. What is not there is no suspect, nor is the whole system,
    /// which no build is given as its tree.
    #[must_use]
    pub fn trust(&self, further: &[PathBuf]) -> Trust {
        let trees = self.trees.iter().map(|tree| &tree.path);
        let trees = trees.filter(|path| path.parent().is_some());
        let written = self.grants.iter().filter(|grant| grant.writable).map(|grant| &grant.path);
        Trust::of_caller(trees.chain(written).chain(&self.suspects).chain(further))
    }

    /// Notes that `name` is another name of a place in one of the trees, if it is one.
    pub fn note_name(&mut self, name: &Path) {
        let trust = self.trust(&[]);
        let Ok(opened) = paths::open(name, &trust) else { return };
        let inside = self.trees.iter().any(|tree| opened.real.starts_with(&tree.path));
        if inside && opened.real != name {
            self.links.push((name.to_owned(), opened.real));
        }
    }

    /// Leaves the links that can be made: not within what is there anyway, and not over what the
    /// build has of its own or is granted.
    fn clear_links(&mut self) {
        let used = self.trees.iter().map(|tree| &tree.path);
        let used: Vec<_> = used.chain(self.grants.iter().map(|grant| &grant.path)).collect();
        let mut links = std::mem::take(&mut self.links);
        links.sort();
        links.dedup_by(|later, first| later.0 == first.0);
        links.retain(|(at, _)| {
            let covered = used.iter().any(|path| at.starts_with(path) || path.starts_with(at));
            let own = OWN.iter().any(|own| Path::new(own).starts_with(at));
            let system = at.components().nth(1).is_none_or(|first| {
                SYSTEM.iter().chain(&["proc", "dev", "etc"]).any(|name| first.as_os_str() == *name)
            });
            super::is_normal(at) && !covered && !own && !system
        });
        // One link may lie where another leads through.
        let all = links.clone();
        links.retain(|(at, _)| !all.iter().any(|(other, _)| at != other && at.starts_with(other)));
        self.links = links;
    }
}

/// A path that was opened.
struct Place {
    real: PathBuf,
    directory: bool,
    identity: Identity,
}

fn settled(
    what: &'static str,
    path: &Path,
    known: Option<Identity>,
    trust: &Trust,
    held: &mut HeldPaths,
) -> Result<Place, PayloadError> {
    if known.is_some() {
        // It was opened by the same rules already.
        let exchanged = |errno| PayloadError::Exchanged { what, path: path.to_owned(), errno };
        let file =
            paths::reopen(path, known, OFlags::PATH | OFlags::NOFOLLOW).map_err(exchanged)?;
        let status = rustix::fs::fstat(&file).map_err(exchanged)?;
        held.keep(file);
        return Ok(Place {
            real: path.to_owned(),
            directory: FileType::from_raw_mode(status.st_mode) == FileType::Directory,
            identity: Identity::of(&status),
        });
    }
    let opened = paths::open(path, trust).map_err(|problem| PayloadError::Path {
        what,
        path: path.to_owned(),
        problem,
    })?;
    let place =
        Place { directory: opened.is_directory(), real: opened.real, identity: opened.identity };
    held.keep(opened.file);
    Ok(place)
}

const fn granted(grant: &Grant) -> &'static str {
    if grant.writable {
        "path that is granted to be written"
    } else {
        "path that is granted to be read"
    }
}

const fn spoken(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Source => "working directory",
        Purpose::Control => "control directory",
        Purpose::Output => "output directory",
        Purpose::Metadata => "metadata directory",
    }
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
