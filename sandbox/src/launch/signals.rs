//! The caller's signals, on their way to the payload.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal as NixSignal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::step::{At, Fault, Step};

/// Signals that are passed on to the payload.
const FORWARDED: [NixSignal; 6] = [
    NixSignal::SIGTERM,
    NixSignal::SIGINT,
    NixSignal::SIGHUP,
    NixSignal::SIGQUIT,
    NixSignal::SIGUSR1,
    NixSignal::SIGUSR2,
];

/// The caller's signals, turned into something to read.
#[derive(Debug)]
pub(super) struct Signals {
    before: SigSet,
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
        Ok(Self { before, descriptor })
    }

    /// The next signal that has come.
    pub(super) fn next(&self) -> Result<Option<NixSignal>, Fault> {
        let signal = self.descriptor.read_signal().at(Step::Supervise)?;
        let number = signal.and_then(|signal| i32::try_from(signal.ssi_signo).ok());
        Ok(number.and_then(|number| NixSignal::try_from(number).ok()))
    }

    /// The signals that were blocked before.
    pub(super) const fn before(&self) -> SigSet {
        self.before
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
