//! What a person sees while trials run.
#![forbid(unsafe_code)]

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use sandbox::plain::plural;

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
    state: Mutex<Written<W>>,
    every: Duration,
}

/// What was written so far.
struct Written<W> {
    out: W,
    done: usize,
    of: usize,
    began: Instant,
    last: Instant,
}

impl<W: Write> Lines<W> {
    /// One that writes to `out`, every ten seconds and at the end.
    pub fn to(out: W) -> Self {
        Self::every(out, Duration::from_secs(10))
    }

    fn every(out: W, every: Duration) -> Self {
        let now = Instant::now();
        Self { state: Mutex::new(Written { out, done: 0, of: 0, began: now, last: now }), every }
    }
}

impl<W: Write + Send> Progress for Lines<W> {
    fn expects(&self, trials: usize) {
        lock(&self.state).of += trials;
    }

    fn begins(&self, _trial: &Trial) {}

    fn ends(&self, _trial: &Trial) {
        let mut state = lock(&self.state);
        state.done += 1;
        let (done, of) = (state.done, state.of);
        if done < of && state.last.elapsed() < self.every {
            return;
        }
        state.last = Instant::now();
        let left = left(state.began.elapsed(), done, of);
        // Nobody may be reading, and that is no reason to stop.
        let _ = writeln!(state.out, "{done} of {}{left}", plural(of, "trial"));
    }
}

/// How long it will take from here, if it goes on as it went.
fn left(took: Duration, done: usize, of: usize) -> String {
    let (Ok(ended), Ok(open)) = (u32::try_from(done), u32::try_from(of.saturating_sub(done)))
    else {
        return String::new();
    };
    if ended == 0 || open == 0 {
        return String::new();
    }
    let seconds = (took / ended).saturating_mul(open).as_secs();
    match seconds {
        0..=90 => format!(", about {seconds} s left"),
        _ => format!(", about {} min left", seconds.div_ceil(60)),
    }
}

fn name(trial: &Trial) -> String {
    format!("{}@{}", trial.attack.id, trial.level)
}

/// A thread that panicked has left nothing half-done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sandbox::Level;

    use super::*;
    use crate::catalogue::attack::{Attack, Purpose};
    use crate::schedule::Sandbox;

    fn told(every: Duration) -> String {
        let trial = Trial {
            attack: Arc::new(Attack::bare("benign/a", Purpose::Benign, &[])),
            target: "own".to_owned(),
            level: Level::Full,
            host: "root".to_owned(),
            sandbox: Sandbox::OWN,
        };
        let mut out = Vec::new();
        let lines = Lines::every(&mut out, every);
        lines.expects(30);
        for _ in 0..30 {
            lines.ends(&trial);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_log_has_a_line_for_each_span_of_time_and_one_at_the_end() {
        assert_eq!(told(Duration::from_secs(10)), "30 of 30 trials\n", "it took no ten seconds");
        let all = told(Duration::ZERO);
        assert_eq!(all.lines().count(), 30);
        assert!(all.starts_with("1 of 30 trials, about 0 s left\n"), "{all}");
    }

    #[test]
    fn what_is_left_is_told_in_seconds_or_minutes() {
        let told = |secs, done, of| left(Duration::from_secs(secs), done, of);
        assert_eq!(told(10, 10, 50), ", about 40 s left");
        assert_eq!(told(10, 10, 500), ", about 9 min left");
        assert_eq!(told(10, 10, 10), "");
        assert_eq!(told(10, 0, 10), "");
    }
}
