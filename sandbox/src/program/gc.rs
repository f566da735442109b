//! `bulkhead gc`: removes what dead supervisors left.
#![forbid(unsafe_code)]

use std::io::Write;
use std::path::PathBuf;

use super::error::Failure;
use crate::host::Host;
use crate::identity::{lease, useradd};
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
    let places = plan::runtime_places(arguments.runtime.as_ref(), &Host::probe());
    let mut out = anstream::stdout();
    for uid in lease::sweep_all(&places)? {
        let _ = writeln!(out, "swept uid {uid}");
    }
    for name in useradd::sweep_all(&places)? {
        let _ = writeln!(out, "removed account {name}");
    }
    Ok(0)
}
