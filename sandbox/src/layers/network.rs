//! A network namespace of its own with nothing in it but loopback (`network_namespaces(7)`).
#![forbid(unsafe_code)]

use rustix::thread::UnshareFlags;

use crate::step::{At, Fault, Step};
use crate::sys::loopback;

/// The namespace that the layer asks for; never shared between two runs.
pub const NAMESPACE: UnshareFlags = UnshareFlags::NEWNET;

/// Brings up loopback, which test servers and MPI need: 127.0.0.1 and `::1` work inside.
///
/// # Errors
/// EPERM without `CAP_NET_ADMIN` over the namespace.
pub fn apply() -> Result<(), Fault> {
    loopback::bring_up().at(Step::Loopback)
}
