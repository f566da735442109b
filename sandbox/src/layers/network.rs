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

/// Settings of the namespace, and what they are set to. The kernel counts for nobody what waits here:
/// connections that nobody has accepted, and above these sizes what fills up the machine's one share
/// for TCP. Servers and MPI on loopback need no more.
const SETTINGS: [(&str, &str); 3] = [
    ("core/somaxconn", "128"),
    ("ipv4/tcp_rmem", "4096 65536 262144"),
    ("ipv4/tcp_wmem", "4096 65536 262144"),
];

/// Brings up loopback, which test servers and MPI need: 127.0.0.1 and `::1` work inside.
///
/// # Errors
/// EPERM without `CAP_NET_ADMIN` over the namespace.
pub fn apply() -> Result<(), Fault> {
    loopback::bring_up().at(Step::Loopback)?;
    for (name, value) in SETTINGS {
        // In a container `/proc/sys` may be read-only. No guarantee rests on these.
        let _ = std::fs::write(format!("/proc/sys/net/{name}"), value);
    }
    Ok(())
}
