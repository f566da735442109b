//! Conducts one trial: opens a lab, lets the front end build in it, and looks at what is left.
#![forbid(unsafe_code)]

mod account;
pub mod bench;
mod formats;
mod held;
mod host;
mod keyrings;
mod measure;
mod nodes;
pub mod onlooker;
mod outputs;
mod rehearsal;
mod scene;
mod watch;

pub use bench::{Bench, BenchError, Rehearsal};

use onlooker::{Eyes, Nobody};

use crate::oracle::Observation;
use crate::runner::interrupt;
use crate::schedule::Trial;
use crate::target::Run;

/// Conducts `trial` in slot `slot` of the pool. Whatever goes wrong is part of the observation.
#[must_use]
pub fn conduct(trial: &Trial, bench: &Bench, slot: usize) -> Observation {
    conduct_before(trial, bench, slot, &mut Nobody)
}

/// Conducts `trial` before somebody's eyes.
#[must_use]
pub fn conduct_before(
    trial: &Trial,
    bench: &Bench,
    slot: usize,
    eyes: &mut Eyes<'_>,
) -> Observation {
    if let Some(reason) = bench.unmet(trial) {
        return Observation { unsupported: Some(reason), ..Observation::default() };
    }
    let mut observation = conducted(trial, bench, slot, eyes);
    // The machine may have become slower than it was when somebody last looked; whoever tries this
    // again has more time then. That the look fails changes nothing else.
    if observation.run.timed_out
        && !interrupt::is_asked()
        && let Err(BenchError::Contaminated(reason)) = bench.measure(1)
    {
        observation.contaminated.get_or_insert(reason);
    }
    observation
}

/// The trial on a thread of its own: it gives up the harness's namespaces, and nobody can take them
/// back.
fn conducted(trial: &Trial, bench: &Bench, slot: usize, eyes: &mut Eyes<'_>) -> Observation {
    on_fresh_thread("trial", || scene::perform(trial, bench, slot, eyes)).unwrap_or_else(broken)
}

/// An observation of nothing but a fault of the harness or of this machine.
fn broken(reason: String) -> Observation {
    let run = Run { broken: Some(reason), ..Run::default() };
    Observation { run, ..Observation::default() }
}

/// Runs `work` on a thread that ends with it.
fn on_fresh_thread<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err("the thread of the trial panicked".to_owned()),
            Err(error) => Err(format!("no thread for the trial: {error}")),
        }
    })
}
