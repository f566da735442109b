//! The numbers of system calls on the other processor, held against the kernel's own headers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::suites::{Mirrors, Suite};
use crate::trouble::{Trouble, at};

/// Fewer than these that both know would mean that one of the texts was misread.
const ENOUGH: usize = 300;

/// Compares; gives how many calls both know.
pub fn compare(checkout: &Path, mirrors: &Mirrors, work: &Path) -> Result<usize, Trouble> {
    let suite = Suite::open(mirrors, "sid", work)?;
    let place = at(work, tempfile::tempdir_in(work))?;
    suite.unpack("linux-libc-dev", place.path())?;
    let header = place.path().join("usr/lib/linux/uapi/arm64/asm/unistd_64.h");
    let text = at(&header, fs::read_to_string(&header))?;
    let kernels = of_header(&text);
    let table = checkout.join("sandbox/src/policy/syscalls/numbers.rs");
    let text = at(&table, fs::read_to_string(&table))?;
    let ours = of_table(&text);
    let both: Vec<_> = ours.iter().filter(|(name, _)| kernels.contains_key(*name)).collect();
    let other: Vec<_> = both
        .iter()
        .filter(|(name, number)| kernels.get(*name) != Some(number))
        .map(|(name, number)| {
            format!("{name} is {number}, the kernel has {:?}", kernels.get(*name))
        })
        .collect();
    let missing = ours.keys().filter(|name| !kernels.contains_key(*name));
    let missing: Vec<_> = missing.map(|name| format!("{name} is not in the kernel")).collect();
    let wrong = [other, missing].concat();
    if wrong.is_empty() && both.len() >= ENOUGH {
        return Ok(both.len());
    }
    let what = format!("of {} system calls of aarch64: {}", both.len(), wrong.join("; "));
    Err(Trouble::Found(what))
}

/// The lines `#define __NR_read 63`.
fn of_header(text: &str) -> BTreeMap<&str, u32> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("#define __NR_"));
    let pairs = lines.filter_map(|line| line.split_once(' '));
    pairs.filter_map(|(name, number)| Some((name, number.trim().parse().ok()?))).collect()
}

/// The entries `SYS_read 0 63;`, of which the last number is that of aarch64.
fn of_table(text: &str) -> BTreeMap<&str, u32> {
    let entries = text.split(';').filter_map(|entry| entry.rsplit_once("SYS_"));
    let words = entries.map(|(_, entry)| entry.split_whitespace().collect::<Vec<_>>());
    let numbers = words.filter_map(|words| match words.as_slice() {
        [name, _, number] => Some((*name, number.parse().ok()?)),
        _ => None,
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::{of_header, of_table};

    #[test]
    fn both_texts_are_read_as_they_are_written() {
        let table = "calls! { SYS_read 0 63; SYS_open 2 -; SYS_mseal 462 462; }";
        let header = "#define __NR_read 63\n#define __NR_mseal 462\n#define __NR3264_x __NR_y\n";
        assert_eq!(of_table(table), of_header(header));
        assert_eq!(of_table(table).len(), 2);
    }
}
