//! Conducts one trial: opens a lab, lets the front end build in it, and looks at what is left.
#![forbid(unsafe_code)]

mod build_trace;
pub mod context;
mod formats;
mod held;
mod host;
mod keyrings;
mod measure;
mod nodes;
pub mod observer;
mod outputs;
mod perform;
mod prepared;
mod self_test;
mod watch;

pub use context::{EmptyLab, RunContext, RunContextError};

use observer::{DynObserver, Nobody};

use crate::oracle::Observation;
use crate::runner::interrupt;
use crate::schedule::Trial;
use crate::target::Run;

/// Conducts `trial` in slot `slot` of the pool. Whatever goes wrong is part of the observation.
#[must_use]
pub fn conduct(trial: &Trial, context: &RunContext, slot: usize) -> Observation {
    conduct_before(trial, context, slot, &mut Nobody)
}

/// Conducts `trial` while an observer looks on.
#[must_use]
pub fn conduct_before(
    trial: &Trial,
    context: &RunContext,
    slot: usize,
    observer: &mut DynObserver<'_>,
) -> Observation {
    if let Some(reason) = context.unmet(trial) {
        return Observation { unsupported: Some(reason), ..Observation::default() };
    }
    let mut observation = conducted(trial, context, slot, observer);
    // The machine may have become slower than it was when somebody last looked; whoever tries this
    // again has more time then. That the look fails changes nothing else.
    if observation.run.timed_out
        && !interrupt::is_asked()
        && let Err(RunContextError::Contaminated(reason)) = context.measure(1)
    {
        observation.contaminated.get_or_insert(reason);
    }
    observation
}

/// The trial on a thread of its own: it gives up the harness's namespaces, and nobody can take them
/// back.
fn conducted(
    trial: &Trial,
    context: &RunContext,
    slot: usize,
    observer: &mut DynObserver<'_>,
) -> Observation {
    on_fresh_thread("trial", || perform::perform(trial, context, slot, observer))
        .unwrap_or_else(broken)
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
