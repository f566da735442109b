//! What a program does on a signal: `signal(7)`.

use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};

/// Gives SIGPIPE its default back, which the Rust runtime has set to "ignore": an ignored signal
/// stays ignored across exec, and a shell pipeline in a build would then not end.
#[expect(unsafe_code, reason = "nix marks every change of a disposition as unsafe")]
pub fn restore_sigpipe() -> nix::Result<()> {
    // SAFETY: the default action is no handler, so none can run at a bad moment.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.map(|_| ())
}

/// Gives every signal its default action back, and lets all of them through: both what is ignored
/// and what is blocked stays so across exec, and a program must not depend on how its
/// grandparent was started.
#[expect(unsafe_code, reason = "nix marks every change of a disposition as unsafe")]
pub fn restore_all() -> nix::Result<()> {
    for each in Signal::iterator() {
        if !matches!(each, Signal::SIGKILL | Signal::SIGSTOP) {
            // SAFETY: the default action is no handler, so none can run at a bad moment.
            unsafe { signal(each, SigHandler::SigDfl) }?;
        }
    }
    // Not `thread_set_mask`, which takes the error number of `pthread_sigmask(3)` for success.
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}
