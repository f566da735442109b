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
use crate::plain::{plural, print, say};
use crate::plan;
use crate::wire::{Swept, swept_json};

/// The arguments of `gc`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where leases are kept [default: /run/bulkhead for root]
    #[arg(long, value_name = "DIR")]
    runtime: Option<PathBuf>,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
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
    let (uids, mut left) = lease::sweep_all(&places, &is_free)?;
    let claims = claim::sweep_all(&places)?;
    left.extend(claims.left);
    left.sort();
    left.dedup();
    let accounts = useradd::sweep_all(&places)?;
    let swept = Swept { uids, builds: claims.builds, accounts, left };
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
    let text = if arguments.json { swept_json(&swept) } else { told(&swept) };
    print(&text, false).map_err(Failure::Unprinted)?;
    for why in &swept.left {
        say(format_args!(
            "{why}; all beside it is gone, and it stays on record for the next `bulkhead gc`"
        ));
    }
    Ok(if swept.left.is_empty() { 0 } else { LEFT })
}

fn told(swept: &Swept) -> String {
    let mut told = String::new();
    if !swept.uids.is_empty() {
        let uids: Vec<_> = swept.uids.iter().map(u32::to_string).collect();
        let noun = if uids.len() == 1 { "uid" } else { "uids" };
        // Writing into a string cannot fail.
        let _ = writeln!(told, "swept {noun} {}", uids.join(", "));
    }
    if swept.builds > 0 {
        let _ = writeln!(told, "removed directories of {}", plural(swept.builds, "dead build"));
    }
    for name in &swept.accounts {
        let _ = writeln!(told, "removed account {name}");
    }
    told
}
