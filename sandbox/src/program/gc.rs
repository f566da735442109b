//! `bulkhead gc`: removes what dead supervisors left.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;

use super::error::Failure;
use crate::host::Host;
use crate::identity::claim;
use crate::identity::lease::{self, Lease};
use crate::identity::useradd;
use crate::layers::limits::slot;
use crate::plan;

/// The arguments of `gc`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where leases are kept [default: /run/bulkhead for root]
    #[arg(long, value_name = "DIR")]
    runtime: Option<PathBuf>,
}

/// Sweeps leases and accounts whose supervisor is dead; those of the living are left alone.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let host = Host::probe();
    let places = plan::runtime_places(arguments.runtime.as_ref(), &host);
    let mut out = anstream::stdout();
    for uid in lease::sweep_all(&places)? {
        let _ = writeln!(out, "swept uid {uid}");
    }
    let claims = claim::sweep_all(&places)?;
    if claims > 0 {
        let _ = writeln!(out, "removed directories of {claims} dead builds");
    }
    for name in useradd::sweep_all(&places)? {
        let _ = writeln!(out, "removed account {name}");
    }
    // A group may only go while its lease is held, or a new build could have made it its own.
    // One lease has a group for each controller, and is held from the first of them on.
    let held = RefCell::new(Vec::<Lease>::new());
    slot::sweep(&host.limits, &|name| {
        if held.borrow().iter().any(|lease| lease.name() == name) {
            return true;
        }
        let lease = Lease::take_named(&places, name);
        let is_free = lease.is_some();
        held.borrow_mut().extend(lease);
        is_free
    });
    Ok(0)
}
