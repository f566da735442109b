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

/// The status where something stays that cannot be removed.
const LEFT: u8 = 1;

/// Sweeps leases and accounts whose supervisor is dead; those of the living are left alone. What cannot
/// be removed is told, and stays on record.
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
    let (uids, mut left) = lease::sweep_all(&places, &is_free)?;
    for uid in uids {
        let _ = writeln!(told, "swept uid {uid}");
    }
    let claims = claim::sweep_all(&places)?;
    let _ = match claims.builds {
        0 => Ok(()),
        1 => writeln!(told, "removed directories of 1 dead build"),
        builds => writeln!(told, "removed directories of {builds} dead builds"),
    };
    left.extend(claims.left);
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
    for why in &left {
        say(format_args!(
            "{why}; all beside it is gone, and it stays on record for the next `bulkhead gc`"
        ));
    }
    Ok(if left.is_empty() { 0 } else { LEFT })
}
