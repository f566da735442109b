//! A namespace of its own for System V objects and POSIX message queues (`ipc_namespaces(7)`).
//!
//! POSIX shared memory is a matter of the mounts: it is files in `/dev/shm`.
#![forbid(unsafe_code)]

use rustix::thread::UnshareFlags;

/// The namespace that the layer asks for.
pub const NAMESPACE: UnshareFlags = UnshareFlags::NEWIPC;
