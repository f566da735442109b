//! The caller's signals, on their way to the payload.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use nix::sys::signal::{SigSet, SigmaskHow, Signal as NixSignal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use rustix::fs::CWD;

use crate::host::kernel_file::read_text;
use crate::step::{At, Fault, Step};

/// Signals that are passed on to the payload. Which of them end a call, [`Phase::is_ended_by`] says.
///
/// [`Phase::is_ended_by`]: crate::ending::Phase::is_ended_by
const FORWARDED: [NixSignal; 6] = [
    NixSignal::SIGTERM,
    NixSignal::SIGINT,
    NixSignal::SIGHUP,
    NixSignal::SIGQUIT,
    NixSignal::SIGUSR1,
    NixSignal::SIGUSR2,
];

/// The signals that were blocked before the first launch of this process. What a launch has blocked
/// stays blocked, for what follows it must not be cut short either; but the payload of a second one
/// begins as that of the first.
static BEFORE: OnceLock<SigSet> = OnceLock::new();

/// The caller's signals, turned into something to read.
#[derive(Debug)]
pub(super) struct Signals {
    before: SigSet,
    /// Those that are ignored, as the kernel has them (`SigIgn` of `proc_pid_status(5)`).
    ignored: u64,
    descriptor: SignalFd,
}

impl Signals {
    /// Blocks the signals that are passed on, so that none can end this process half-way.
    pub(super) fn block() -> Result<Self, Fault> {
        let set: SigSet = FORWARDED.into_iter().collect();
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut before)).at(Step::Channels)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let descriptor = SignalFd::with_flags(&set, flags).at(Step::Channels)?;
        let before = *BEFORE.get_or_init(|| before);
        Ok(Self { before, ignored: ignored(), descriptor })
    }

    /// The next signal that has come.
    pub(super) fn next(&self) -> Result<Option<NixSignal>, Fault> {
        let signal = self.descriptor.read_signal().at(Step::Supervise)?;
        let number = signal.and_then(|signal| i32::try_from(signal.ssi_signo).ok());
        Ok(number.and_then(|number| NixSignal::try_from(number).ok()))
    }

    /// Whether the caller has `signal` ignored, as `nohup` does: then it ends nothing.
    pub(super) fn are_ignored(&self, signal: NixSignal) -> bool {
        let bit = u64::try_from(signal as i32 - 1).map_or(0, |bit| 1 << bit);
        self.ignored & bit != 0
    }

    /// The signals that were blocked before.
    pub(super) const fn before(&self) -> SigSet {
        self.before
    }
}

/// The number of a signal.
pub(super) fn number(signal: NixSignal) -> u8 {
    u8::try_from(signal as i32).unwrap_or_default()
}

fn ignored() -> u64 {
    let status = read_text(CWD, "/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default()
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
