//! What a program does on a signal: `signal(7)`.

use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, sigprocmask};

/// Makes this program's own what it relies on, whatever its caller ignores: that the end of a child is
/// told (SIGCHLD), and that a file which must not grow is an error and not the end (SIGXFSZ).
///
/// # Errors
/// Those of `sigaction(2)`.
pub fn take() -> nix::Result<()> {
    set(Signal::SIGCHLD, SigHandler::SigDfl)?;
    set(Signal::SIGXFSZ, SigHandler::SigIgn)
}

/// Gives their default back to the signals whose disposition is this program's own: SIGXFSZ by
/// [`take`], and SIGPIPE, which the Rust runtime has set to "ignore". An ignored signal stays ignored
/// across exec, and a shell pipeline in a build would then not end.
///
/// # Errors
/// Those of `sigaction(2)`.
pub fn restore() -> nix::Result<()> {
    set(Signal::SIGPIPE, SigHandler::SigDfl)?;
    set(Signal::SIGXFSZ, SigHandler::SigDfl)
}

#[expect(unsafe_code, reason = "nix marks every change of a disposition as unsafe")]
fn set(signal: Signal, what: SigHandler) -> nix::Result<()> {
    // SAFETY: neither the default action nor none is a handler that could run at a bad moment.
    unsafe { nix::sys::signal::signal(signal, what) }.map(|_| ())
}

/// Gives every signal its default action back, and lets all of them through: both what is ignored
/// and what is blocked stays so across exec, and a program must not depend on how its
/// grandparent was started.
///
/// # Errors
/// Those of `sigaction(2)` and `sigprocmask(2)`.
pub fn restore_all() -> nix::Result<()> {
    for each in Signal::iterator() {
        if !matches!(each, Signal::SIGKILL | Signal::SIGSTOP) {
            set(each, SigHandler::SigDfl)?;
        }
    }
    // Not `thread_set_mask`, which takes the error number of `pthread_sigmask(3)` for success.
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}
