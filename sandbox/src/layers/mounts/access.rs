//! The mount plan once more, as rules of Landlock.
#![forbid(unsafe_code)]

use std::path::Path;

use super::{Base, Entry, MountPlan, What};
use crate::layers::landlock::{Access, Grant};
use crate::policy::files::HOME;

/// What the payload may do at each path of `plan`.
///
/// On the host's own root, without the layer `mounts`, the rules are all that confines files, so
/// what the plan would have made up is left out: it is not there.
#[must_use]
pub fn accesses(plan: &MountPlan, base: Base) -> Vec<Grant> {
    let there = |entry: &&Entry| {
        base == Base::Empty
            || !(matches!(entry.what, What::Text(_)) || entry.target == Path::new(HOME))
    };
    let grants = plan.entries.iter().filter(there).filter_map(grant);
    // Directories may be listed everywhere: what is not granted is not there to be listed.
    let root = (base == Base::Empty).then(|| Grant { path: "/".into(), access: Access::LIST });
    root.into_iter().chain(grants).collect()
}

fn grant(entry: &Entry) -> Option<Grant> {
    let read = Access::READ | Access::EXECUTE;
    let access = match &entry.what {
        What::Directory | What::Link(_) => return None,
        What::Text(_) => Access::READ,
        What::Bind { writable: false, .. } => read,
        What::Bind { writable: true, .. } | What::Memory(_) | What::Scratch(_) => {
            read | Access::WRITE
        }
        What::Device(_) | What::Proc | What::OuterProc | What::HostProc | What::Queues => {
            Access::READ | Access::WRITE
        }
        What::Terminals => Access::READ | Access::WRITE | Access::CONTROL,
    };
    Some(Grant { path: entry.target.clone(), access })
}
