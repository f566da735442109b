//! The host name `localhost`, so that the infrastructure's name does not leak and the name
//! resolves (`uts_namespaces(7)`).
#![forbid(unsafe_code)]

use rustix::system::{setdomainname, sethostname};
use rustix::thread::UnshareFlags;

use crate::step::{At, Fault, Step};

/// The namespace that the layer asks for.
pub const NAMESPACE: UnshareFlags = UnshareFlags::NEWUTS;

/// Takes the name `localhost` and no domain.
///
/// # Errors
/// EPERM without `CAP_SYS_ADMIN` over the namespace.
pub fn apply() -> Result<(), Fault> {
    sethostname(b"localhost").at(Step::Hostname)?;
    setdomainname(b"(none)").at(Step::Hostname)
}
