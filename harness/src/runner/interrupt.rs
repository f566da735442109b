//! SIGINT and SIGTERM: the run ends in order, a second one ends it at once. What comes within half a
//! second is the same request, which came by two ways: who ends a job tells every process of it, and its
//! supervisor hands on what it was told.
#![forbid(unsafe_code)]

use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

/// Within this time there is one request.
pub const ONCE: Duration = Duration::from_millis(500);
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
        let mut first = None;
        while signals.wait().is_ok() {
            let first = first.get_or_insert_with(Instant::now);
            if STOP.swap(true, Ordering::Relaxed) && first.elapsed() > ONCE {
                // Labs are torn down by the kernel once their processes lose this one.
                process::exit(STATUS);
            }
        }
    })?;
    Ok(())
}
