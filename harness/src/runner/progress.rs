//! What a person sees while trials run.
#![forbid(unsafe_code)]

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::schedule::Trial;

/// Is told what runs, from several threads.
pub trait Progress: Sync {
    /// So many trials more will come.
    fn expects(&self, trials: usize);
    /// A trial begins.
    fn begins(&self, trial: &Trial);
    /// A trial is over.
    fn ends(&self, trial: &Trial);
}

/// Nothing is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn expects(&self, _trials: usize) {}
    fn begins(&self, _trial: &Trial) {}
    fn ends(&self, _trial: &Trial) {}
}

/// A bar with the trials that run and the time left, for a terminal.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    running: Mutex<Vec<String>>,
}

impl Bar {
    /// An empty one on standard error.
    #[must_use]
    pub fn new() -> Self {
        let bar = ProgressBar::new(0);
        let form = "{bar:24} {pos}/{len}, {eta} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("━━ "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, running: Mutex::new(Vec::new()) }
    }

    fn show(&self, running: &MutexGuard<'_, Vec<String>>) {
        self.bar.set_message(running.join("  "));
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn expects(&self, trials: usize) {
        self.bar.inc_length(trials as u64);
    }

    fn begins(&self, trial: &Trial) {
        let mut running = lock(&self.running);
        running.push(name(trial));
        self.show(&running);
    }

    fn ends(&self, trial: &Trial) {
        let mut running = lock(&self.running);
        let name = name(trial);
        if let Some(place) = running.iter().position(|one| *one == name) {
            running.swap_remove(place);
        }
        self.show(&running);
        self.bar.inc(1);
    }
}

/// A line now and then, for a log.
pub struct Lines<W> {
    state: Mutex<(W, usize, usize)>,
}

impl<W: Write> Lines<W> {
    /// One that writes to `out`.
    pub const fn to(out: W) -> Self {
        Self { state: Mutex::new((out, 0, 0)) }
    }
}

impl<W: Write + Send> Progress for Lines<W> {
    fn expects(&self, trials: usize) {
        lock(&self.state).2 += trials;
    }

    fn begins(&self, _trial: &Trial) {}

    fn ends(&self, _trial: &Trial) {
        let mut state = lock(&self.state);
        let (out, done, of) = &mut *state;
        *done += 1;
        // About ten lines for a run, however long it is.
        if (*done * 10) / *of > ((*done - 1) * 10) / *of {
            // Nobody may be reading, and that is no reason to stop.
            let _ = writeln!(out, "{done} of {of} trials");
        }
    }
}

fn name(trial: &Trial) -> String {
    format!("{}@{}", trial.attack.id, trial.level)
}

/// A thread that panicked has left nothing half-done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
