//! What a program does on a signal: `signal(7)`.

use nix::sys::signal::{SigHandler, Signal, signal};

/// Gives SIGPIPE its default back, which the Rust runtime has set to "ignore": an ignored signal
/// stays ignored across exec, and a shell pipeline in a build would then not end.
#[expect(unsafe_code, reason = "nix marks every change of a disposition as unsafe")]
pub fn restore_sigpipe() -> nix::Result<()> {
    // SAFETY: the default action is no handler, so none can run at a bad moment.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.map(|_| ())
}
