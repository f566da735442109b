//! Which paths of the host a build sees as they are.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use crate::layers::mounts::{Base, What};
use crate::payload::Purpose;
use crate::plan::{Plan, Relocation};

/// The paths of the host that a build sees, by their beginnings.
#[derive(Clone, Debug)]
pub(crate) struct Visible {
    roots: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
}

impl Visible {
    /// What a build under `plan` sees; `None` where it sees all that its user may see.
    pub(crate) fn under(plan: &Plan) -> Option<Self> {
        if let Some(files) = plan.mounts.as_ref().filter(|files| files.base == Base::Empty) {
            let of = |wanted: fn(&What) -> bool| {
                let entries = files.entries.iter().filter(|entry| wanted(&entry.what));
                entries.map(|entry| entry.target.clone()).collect()
            };
            return Some(Self { roots: of(is_of_the_host), hidden: of(|it| *it == What::Nothing) });
        }
        let rules = plan.landlock.as_ref()?;
        let mut roots: Vec<_> = rules.grants().map(|(path, _)| path.to_owned()).collect();
        // Where the tree has moved, what names it has moved with it.
        let moved = plan.relocation.iter().flat_map(Relocation::moved);
        roots.extend(moved.map(|(original, _)| original.to_owned()));
        Some(Self { roots, hidden: vec![] })
    }

    /// Whether something that the build sees has `path` as its name, wherever links lead.
    pub(crate) fn names(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
    }

    /// Whether the build sees what is at `path`.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let solid = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let below = |roots: &[PathBuf]| {
            let found = roots.iter().filter(|root| solid.starts_with(root));
            found.map(|root| root.as_os_str().len()).max()
        };
        match (below(&self.roots), below(&self.hidden)) {
            (None, _) => false,
            (Some(root), hidden) => hidden.is_none_or(|hidden| hidden < root),
        }
    }
}

/// Whether what is found there is what the host has there, or a copy of it.
fn is_of_the_host(what: &What) -> bool {
    match what {
        What::Scratch(name) => {
            [Purpose::Source, Purpose::Metadata, Purpose::Output, Purpose::Control]
                .iter()
                .any(|purpose| purpose.name() == *name)
        }
        // A text has the name of one of the host's, and what is in it is made up.
        What::Bind { .. }
        | What::Overlay { .. }
        | What::Device(_)
        | What::Proc
        | What::OuterProc
        | What::HostProc
        | What::BoundProc
        | What::Text(_) => true,
        _ => false,
    }
}
