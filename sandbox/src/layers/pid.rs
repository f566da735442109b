//! A process namespace whose init ends when the payload ends, and everything with it
//! (`pid_namespaces(7)`).
#![forbid(unsafe_code)]

use rustix::thread::UnshareFlags;

/// The namespace that the layer asks for. Its init reaps whatever loses its parent.
pub const NAMESPACE: UnshareFlags = UnshareFlags::NEWPID;
