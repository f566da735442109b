//! A network namespace of its own with nothing in it but loopback (`network_namespaces(7)`).
#![forbid(unsafe_code)]

use nix::sched::{CloneFlags, unshare};
use rustix::thread::UnshareFlags;

use crate::step::{At, Fault, Step};
use crate::sys::loopback;

/// The namespace that the layer asks for; never shared between two runs.
pub const NAMESPACE: UnshareFlags = UnshareFlags::NEWNET;

/// Enters a new network namespace.
///
/// Of all namespaces this one takes the longest to make, as long as all others together. So it is
/// not made with them, in which time the supervisor could only wait, but by the sandbox itself while
/// the supervisor prepares the rest.
///
/// # Errors
/// EPERM where the host refuses it, ENOSPC where `user.max_net_namespaces` is reached.
pub fn enter() -> Result<(), Fault> {
    unshare(CloneFlags::CLONE_NEWNET).at(Step::NetworkNamespace)
}

/// Brings up loopback, which test servers and MPI need: 127.0.0.1 and `::1` work inside.
///
/// # Errors
/// EPERM without `CAP_NET_ADMIN` over the namespace.
pub fn apply() -> Result<(), Fault> {
    loopback::bring_up().at(Step::Loopback)
}
