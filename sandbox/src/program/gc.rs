//! `bulkhead gc`: removes what dead supervisors left.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::error::Failure;
use crate::host::Host;
use crate::identity::lease::{self, Lease};
use crate::identity::useradd;
use crate::identity::{self, claim};
use crate::layers::limits::slot;
use crate::plain::{print, say};
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
    for sentence in identity::distrusted(&places) {
        say(&sentence);
    }
    let is_free = |uid| host.ids.is_free(uid);
    // Told at the end: whoever cannot be told must not keep anything from being removed.
    let mut told = String::new();
    // Writing into a string cannot fail.
    for uid in lease::sweep_all(&places, &is_free)? {
        let _ = writeln!(told, "swept uid {uid}");
    }
    let claims = claim::sweep_all(&places)?;
    if claims > 0 {
        let _ = match claims {
            1 => writeln!(told, "removed directories of 1 dead build"),
            _ => writeln!(told, "removed directories of {claims} dead builds"),
        };
    }
    for name in useradd::sweep_all(&places)? {
        let _ = writeln!(told, "removed account {name}");
    }
    // A group may only go while its lease is held, or a new build could have made it its own.
    // One lease has a group for each controller, and is held from the first of them on.
    let held = RefCell::new(Vec::<Lease>::new());
    slot::sweep(&host.limits, &|name| {
        if held.borrow().iter().any(|lease| lease.name() == name) {
            return true;
        }
        let lease = Lease::take_named(&places, name, &is_free);
        let is_free = lease.is_some();
        held.borrow_mut().extend(lease);
        is_free
    });
    print(&told, false).map_err(Failure::Unprinted)?;
    Ok(0)
}
