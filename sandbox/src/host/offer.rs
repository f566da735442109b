//! What the host lends for limits.
#![forbid(unsafe_code)]

use nix::sys::resource;
use rustix::process::{Resource, Rlimit};

use super::groups::{Hierarchies, Place};

/// The resource limits that the sandbox sets.
const RESOURCES: [(Resource, resource::Resource); 6] = [
    (Resource::Core, resource::Resource::RLIMIT_CORE),
    (Resource::Cpu, resource::Resource::RLIMIT_CPU),
    (Resource::Data, resource::Resource::RLIMIT_DATA),
    (Resource::Fsize, resource::Resource::RLIMIT_FSIZE),
    (Resource::Nofile, resource::Resource::RLIMIT_NOFILE),
    (Resource::Nproc, resource::Resource::RLIMIT_NPROC),
];

/// What the host lends for limits: a plain value, so that a test can lend something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Where a group that counts processes can be made.
    pub processes: Option<Place>,
    /// Where a group that counts memory can be made.
    pub memory: Option<Place>,
    /// Bytes of memory that the host and the caller's groups leave.
    pub memory_left: Option<u64>,
    /// Whether the payload's user has no other processes: a leased uid, or a user namespace, for
    /// `RLIMIT_NPROC` counts by user within a namespace.
    pub counted_alone: bool,
    /// The caller's own limits; one that is not among them is unlimited.
    pub current: Vec<(Resource, Rlimit)>,
}

impl Offer {
    /// What this host lends to this process.
    #[must_use]
    pub fn probe(counted_alone: bool) -> Self {
        Self::of(&Hierarchies::probe(), counted_alone)
    }

    /// What this host lends, which has these trees of groups.
    pub(super) fn of(hierarchies: &Hierarchies, counted_alone: bool) -> Self {
        Self {
            processes: hierarchies.place("pids"),
            memory: hierarchies.place("memory"),
            memory_left: hierarchies.memory_left(),
            counted_alone,
            current: RESOURCES.iter().filter_map(|(name, number)| limit(*name, *number)).collect(),
        }
    }

    pub(crate) fn current(&self, resource: Resource) -> Rlimit {
        let known = self.current.iter().find(|(known, _)| *known == resource);
        known.map_or(Rlimit { current: None, maximum: None }, |(_, limit)| *limit)
    }
}

/// The caller's own limit; none where it cannot be read. Then setting a lower one may fail, which
/// ends the launch. (rustix takes it for granted that reading succeeds.)
fn limit(name: Resource, number: resource::Resource) -> Option<(Resource, Rlimit)> {
    let finite = |value: u64| (value != nix::libc::RLIM_INFINITY).then_some(value);
    let (current, maximum) = resource::getrlimit(number).ok()?;
    Some((name, Rlimit { current: finite(current), maximum: finite(maximum) }))
}
