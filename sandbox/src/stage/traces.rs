//! What the init inherited from its supervisor and the payload could read of it: the command line,
//! which `/proc/PID/cmdline` shows to everybody, and the environment.
#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use crate::step::{At, Fault, Step};

/// Where `arg_start arg_end env_start env_end` begin behind the name (`proc_pid_stat(5)`: they are
/// the fields 48 to 51, and the first behind the name is the third).
const FIRST: usize = 45;

/// Overwrites both with zeroes.
///
/// The kernel says where they lie, and a process may always write to its own memory. Nothing here
/// reads them again: the plan has its own copies.
pub(super) fn wipe() -> Result<(), Fault> {
    let stat = std::fs::read_to_string("/proc/self/stat").at(Step::WipeTraces)?;
    // The name is in parentheses and may itself hold blanks and parentheses.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut places = fields.split_ascii_whitespace().skip(FIRST).map_while(|f| f.parse().ok());
    let memory = OpenOptions::new().write(true).open("/proc/self/mem").at(Step::WipeTraces)?;
    for _ in ["command line", "environment"] {
        if let (Some(start), Some(end)) = (places.next(), places.next()) {
            zero(&memory, start, end).at(Step::WipeTraces)?;
        }
    }
    Ok(())
}

fn zero(memory: &File, start: u64, end: u64) -> std::io::Result<()> {
    let length = usize::try_from(end.saturating_sub(start)).unwrap_or_default();
    memory.write_all_at(&vec![0; length], start)
}
