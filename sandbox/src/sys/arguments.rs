//! The memory in which the kernel has put this process's command line and environment
//! (`proc_pid_stat(5)`), and from which `/proc/PID/cmdline` and `environ` are read.

use std::fs::File;
use std::io::{self, Read};

/// Where `arg_start arg_end env_start env_end` begin behind the name: they are the fields 48 to 51,
/// and the first behind the name is the third.
const FIRST: usize = 45;

/// Overwrites both with zeroes.
///
/// Directly and not by way of `/proc/self/mem`, which cannot be written where `/proc` is read-only.
///
/// # Errors
/// `/proc/self/stat` cannot be read.
#[expect(unsafe_code, reason = "no safe code can reach the memory that the kernel has filled")]
pub fn wipe() -> io::Result<()> {
    // In one go: the kernel writes the file anew for every part that is read.
    let mut stat = [0; 2048];
    let length = File::open("/proc/self/stat")?.read(&mut stat)?;
    let stat = String::from_utf8_lossy(stat.get(..length).unwrap_or_default());
    for (address, length) in areas(&stat) {
        let area = std::ptr::with_exposed_provenance_mut::<u8>(address);
        // SAFETY: the kernel says where in this process's own memory the area lies, it is writable
        // as long as the process lives, and no reference into it exists: the standard library
        // copies arguments and variables out whenever it is asked for them, and this process has
        // one thread, which is here.
        unsafe { std::ptr::write_bytes(area, 0, length) };
    }
    Ok(())
}

/// Beginning and length of the two areas.
fn areas(text: &str) -> Vec<(usize, usize)> {
    // The name is in parentheses and may itself hold blanks and parentheses.
    let fields = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let numbers: Vec<usize> =
        fields.split_ascii_whitespace().skip(FIRST).map_while(|field| field.parse().ok()).collect();
    let pairs = numbers.chunks_exact(2).take(2);
    pairs
        .filter_map(|pair| match pair {
            // The kernel shows zeroes to who may not look.
            [start, end] if *start > 0 => Some((*start, end.checked_sub(*start)?)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_areas_are_found_behind_any_name() {
        let fields: Vec<_> = (3..=47).map(|number| number.to_string()).collect();
        let stat = format!("1 (a) b) c) {} 1000 1010 2000 2300 0", fields.join(" "));
        assert_eq!(areas(&stat), [(1000, 10), (2000, 300)]);
        assert_eq!(areas(&stat.replace(" 1000 1010 2000 2300", " 0 0 0 0")), []);
        assert_eq!(areas("nonsense"), []);
    }
}
