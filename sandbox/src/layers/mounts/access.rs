//! The mount plan once more, as rules of Landlock.
#![forbid(unsafe_code)]

use super::{Base, Entry, MountPlan, What};
use crate::layers::landlock::{Access, Grant};

/// What the payload may do at each path of `plan`.
///
/// In the new root directories may be listed everywhere, for what is not granted is not there to be
/// listed. On the host's own root, without the layer `mounts`, they may not.
#[must_use]
pub fn accesses(plan: &MountPlan, base: Base) -> Vec<Grant> {
    let root = (base == Base::Empty).then(|| Grant { path: "/".into(), access: Access::LIST });
    root.into_iter().chain(plan.entries.iter().filter_map(grant)).collect()
}

fn grant(entry: &Entry) -> Option<Grant> {
    let read = Access::READ | Access::EXECUTE;
    let access = match &entry.what {
        What::Directory | What::Link(_) | What::Nothing => return None,
        What::Text(_) | What::BoundProc | What::ControlGroup(_) => Access::READ,
        What::Bind { writable: false, .. } => read,
        What::Bind { writable: true, .. }
        | What::Memory { .. }
        | What::Scratch(_)
        | What::Overlay { .. } => read | Access::WRITE,
        What::Device(_) | What::Proc | What::OuterProc | What::HostProc | What::Queues => {
            Access::READ | Access::WRITE
        }
        What::Terminals => Access::READ | Access::WRITE | Access::CONTROL,
    };
    Some(Grant { path: entry.target.clone(), access })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(path: &str, writable: bool) -> Entry {
        let what = What::Bind { source: path.into(), writable, directory: true, named: true };
        Entry { target: path.into(), what }
    }

    #[test]
    fn what_is_granted_for_reading_is_not_written_and_the_hosts_root_is_not_listed() {
        let entries = vec![granted("/opt/tools", false), granted("/srv/dist", true)];
        let plan = MountPlan { base: Base::Host, entries };
        let read = Access::READ | Access::EXECUTE;
        let grant = |path: &str, access| Grant { path: path.into(), access };
        let own = [grant("/opt/tools", read), grant("/srv/dist", read | Access::WRITE)];
        assert_eq!(accesses(&plan, Base::Host), own);
        let root = grant("/", Access::LIST);
        assert_eq!(accesses(&plan, Base::Empty), [&[root], own.as_slice()].concat());
    }
}
