//! SIGINT and SIGTERM: the run ends in order, a second one ends it at once.
#![forbid(unsafe_code)]

use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

/// The status with which an interrupted run ends.
pub const STATUS: i32 = 130;

static STOP: AtomicBool = AtomicBool::new(false);

/// Set once the user wants to stop.
#[must_use]
pub fn flag() -> &'static AtomicBool {
    &STOP
}

/// Whether the user wants to stop.
#[must_use]
pub fn is_asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// From now on the two signals set the flag. To be called before any thread is started: threads
/// inherit the mask, and only the watcher takes the signals. (Children inherit it too: the lab's
/// first process lets everything through again before it starts anything.)
///
/// # Errors
/// When the watcher cannot be started.
pub fn watch() -> io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while signals.wait().is_ok() {
            if STOP.swap(true, Ordering::Relaxed) {
                // Labs are torn down by the kernel once their processes lose this one.
                process::exit(STATUS);
            }
        }
    })?;
    Ok(())
}
