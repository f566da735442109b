//! The host name `localhost`, so that the infrastructure's name does not leak and the name
//! resolves (`uts_namespaces(7)`).
#![forbid(unsafe_code)]

use rustix::io::Errno;
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
    setdomainname(b"(none)").at(Step::Hostname)?;
    // The supervisor cannot see it from outside.
    let taken = nix::sys::utsname::uname().at(Step::Hostname)?;
    if taken.nodename() == "localhost" {
        Ok(())
    } else {
        Err(Fault::new(Step::Hostname, Errno::NOTRECOVERABLE))
    }
}
