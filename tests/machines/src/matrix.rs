//! Goes through kernels and hosts, one machine at a time, and collects what is found.

use std::path::{Path, PathBuf};

use crate::cell::Found;
use crate::host::{Caller, Host, Least, quoted};
use crate::kernel::{Kernel, Series};
use crate::machine::{Machine, Parts};
use crate::root::{Load, Scope, System, empty_disk};
use crate::suites::Mirrors;
use crate::trouble::{Trouble, at, end_of};

/// How long all checks of one caller may take.
const CHECKS: u64 = 1500;

/// Everything that machines are made of.
pub struct Workshop {
    work: PathBuf,
    guest: PathBuf,
    mirrors: Mirrors,
    /// What is tried in them.
    pub load: Load,
}

/// What was found on one host by one caller.
pub struct Cell {
    /// Where.
    pub host: &'static Host,
    /// By whom.
    pub caller: Caller,
    /// What must be possible there on this kernel.
    pub least: Least,
    /// What.
    pub found: Result<Found, String>,
}

impl Cell {
    /// Everything that is wrong there.
    pub fn wrong(&self) -> Vec<String> {
        match &self.found {
            Ok(found) => found.wrong(self.least),
            Err(why) => vec![why.clone()],
        }
    }
}

impl Workshop {
    /// Builds what is tried; `tried` is a further program.
    pub fn open(
        checkout: &Path,
        work: &Path,
        tried: Option<&Path>,
        scope: Scope,
    ) -> Result<Self, Trouble> {
        at(work, std::fs::create_dir_all(work.join("roots")))?;
        let load = Load::build(checkout, work, tried, scope)?;
        let guest = checkout.join("tests/machines/guest");
        Ok(Self { work: work.to_owned(), guest, mirrors: Mirrors::of_this_machine()?, load })
    }

    /// Fetches a kernel.
    pub fn kernel(&self, series: Series) -> Result<Kernel, Trouble> {
        Kernel::fetch(series, &self.mirrors, &self.work)
    }

    /// Starts a machine with a system; `word` is a further one of its kernel's command line.
    pub fn boot(&self, kernel: &Kernel, system: System, word: &str) -> Result<Machine, Trouble> {
        let start = self.work.join(format!("start-{}", kernel.series));
        kernel.write_start(&self.guest.join("first"), &start)?;
        let disks = [
            system.disk(&self.mirrors, &self.work, &self.guest)?,
            self.load.disk.clone(),
            empty_disk("btrfs", &self.work)?,
            empty_disk("xfs", &self.work)?,
        ];
        let words = [system.init(), word];
        let parts =
            Parts { kernel, start: &start, disks: &disks, words: &words, place: &self.work };
        Machine::boot(&parts)
    }
}

/// Whether two hosts can be made in one machine.
fn share(one: &Host, other: &Host) -> bool {
    one.system == other.system && one.word == other.word
}

/// Tries the hosts on a kernel; hosts that can share a machine do, in their order.
pub fn go(
    workshop: &Workshop,
    kernel: &Kernel,
    hosts: &[&'static Host],
    mut tell: impl FnMut(&Cell),
) -> Result<Vec<Cell>, Trouble> {
    let mut cells = Vec::new();
    let mut rest = hosts.to_vec();
    while let Some(first) = rest.first().copied() {
        let (now, later): (Vec<_>, Vec<_>) = rest.into_iter().partition(|host| share(host, first));
        rest = later;
        let mut machine = workshop.boot(kernel, first.system, first.word)?;
        for host in now {
            for caller in host.callers {
                let found = check(&mut machine, kernel, host, *caller)?;
                let least = if kernel.is_too_old() { Least::Refused } else { host.least };
                let cell = Cell { host, caller: *caller, least, found };
                tell(&cell);
                cells.push(cell);
            }
        }
    }
    Ok(cells)
}

/// A script that makes a host, runs `command` there as the caller, and unmakes the host.
pub fn script(host: &Host, caller: Caller, command: &str) -> String {
    let home = format!("{}/work", caller.home());
    let place = if host.place.is_empty() { home } else { format!("{}/work", host.place) };
    let command = format!("cd {place} && {command}");
    let command = if host.within.is_empty() {
        command
    } else {
        format!("{} bash -c {}", host.within, quoted(&command))
    };
    let owner = if caller == Caller::Root { "root" } else { "user" };
    format!(
        "prepare() {{ set -e; {prepare}\nmkdir -p {place}; chown {owner}: {place}; }}
        (prepare) >/run/prepared 2>&1 || {{ cat /run/prepared; exit 97; }}
        {command}
        status=$?
        cd /; rm -rf {place} {home}/plain* {home}/held* {home}/left /tmp/shared /tmp/left
        ({undo}\n) >/run/undone 2>&1 || {{ cat /run/undone; exit 98; }}
        exit $status",
        prepare = host.prepare,
        undo = if host.undo.is_empty() { ":" } else { host.undo },
        command = caller.runs(&command),
        home = caller.home(),
    )
}

/// Runs the checks; that they could not be run is an answer too.
fn check(
    machine: &mut Machine,
    kernel: &Kernel,
    host: &Host,
    caller: Caller,
) -> Result<Result<Found, String>, Trouble> {
    let checks = "/usr/bin/python3 /opt/machines/checks.py /usr/local/bin/bulkhead 2>&1";
    let answer = machine.run(&script(host, caller, checks), CHECKS)?;
    if matches!(answer.status, 97 | 98) {
        return Err(Trouble::Host {
            host: host.name.to_owned(),
            release: kernel.release.clone(),
            why: end_of(&answer.output),
        });
    }
    let json = answer.output.lines().last().unwrap_or_default();
    let status = answer.status;
    Ok(serde_json::from_str(json).map_err(|error| match status {
        0 => format!("what the checks found cannot be read: {error}"),
        _ => format!("the checks ended with {status}: {}", end_of(&answer.output)),
    }))
}
