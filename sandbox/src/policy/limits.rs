//! How much a payload may use.
#![forbid(unsafe_code)]

pub mod amounts;

use std::str::FromStr;

use self::amounts::{BadAmount, Bytes, Count, Span};

/// What is demanded of one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand<T> {
    /// What the sandbox thinks right; a host that cannot set it gets the next best.
    #[default]
    Default,
    /// This much and no more; a host that cannot set it is refused.
    Exactly(T),
    /// No limit, written `none`.
    Unlimited,
}

/// The demands of a policy, one for each limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory of the whole process tree, files in memory and page cache included.
    pub memory: Demand<Bytes>,
    /// Processes and threads at a time.
    pub processes: Demand<Count>,
    /// Open descriptors of one process.
    pub open_files: Demand<Count>,
    /// The size of one file.
    pub file_size: Demand<Bytes>,
    /// Processor time of one process, rounded up to seconds.
    pub cpu_time: Demand<Span>,
    /// Time from start to end.
    pub wall_time: Demand<Span>,
    /// Time without a byte of output.
    pub silence: Demand<Span>,
    /// What it prints on the standard descriptors.
    pub log: Demand<Bytes>,
    /// What it hands over, holes included.
    pub output: Demand<Bytes>,
}

/// Enough for `make -j` on the largest machines, not enough for a fork bomb to be felt.
pub const PROCESSES: Count = Count(16_384);
/// Of the numbers that the machine has for processes (`kernel.pid_max`, `kernel.threads-max`), no more
/// than this part: several builds side by side leave some to everybody else.
pub const PROCESSES_PART: u64 = 8;
/// More than any linker opens; programs that close all that they could have stay quick.
pub const OPEN_FILES: Count = Count(65_536);
/// Of the files that the machine can have open at all (`fs.file-max`), no more than this part, all
/// processes of a build together: the rest of the machine starts no program without them.
pub const OPEN_FILES_PART: u64 = 2;
/// Less than this is no default, of open files and of processes: it would keep builds from working. A
/// machine that has not got so many is not shared out.
pub const FEWEST_OPEN_FILES: u64 = 1_024;
/// The same of processes.
pub const FEWEST_PROCESSES: u64 = 512;
/// Debug builds of the largest packages have archives of a few GiB.
pub const FILE_SIZE: Bytes = Bytes(16 << 30);
/// The longest honest logs have tens of MiB.
pub const LOG: Bytes = Bytes(1 << 30);
/// The largest wheels that were seen have about three GiB.
pub const OUTPUT: Bytes = Bytes(4 << 30);
/// Of the memory that the caller's own limit leaves, this part in a hundred: the supervisor and
/// whoever started it need the rest when the payload is killed.
pub const MEMORY_PERCENT: u64 = 90;

impl<T: FromStr<Err = BadAmount>> FromStr for Demand<T> {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        match text {
            "none" => Ok(Self::Unlimited),
            "default" => Ok(Self::Default),
            amount => amount.parse().map(Self::Exactly),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_a_word() {
        assert_eq!("none".parse(), Ok(Demand::<Bytes>::Unlimited));
        assert_eq!("default".parse(), Ok(Demand::<Count>::Default));
        assert_eq!("1G".parse(), Ok(Demand::Exactly(Bytes(1 << 30))));
    }
}
