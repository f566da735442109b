//! The `harness` program.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use harness::cli::{self, Conductor, Wishes, World};
use harness::conduct::{Bench, conduct, conduct_before};
use harness::lab;
use harness::runner::interrupt;

fn main() -> ExitCode {
    // This program also plays `bulkhead`, the lab's first process and the victims.
    if let Some(code) = lab::played() {
        return code;
    }
    if let Err(error) = interrupt::watch() {
        let _ = writeln!(io::stderr(), "harness: signals cannot be watched: {error}");
        return ExitCode::from(70);
    }
    let (mut out, mut err) = (anstream::stdout(), anstream::stderr());
    let mut world = World {
        here: env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        home: env::home_dir(),
        require_isolation: env::var_os("REQUIRE_ISOLATION").is_some_and(|value| value == "1"),
        live: io::stderr().is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb"),
        out: &mut out,
        err: &mut err,
        stop: interrupt::flag(),
        prepare: &prepare,
    };
    ExitCode::from(cli::start(env::args_os(), &mut world))
}

fn prepare(wishes: &Wishes) -> Result<Conductor, Box<dyn Error + Send + Sync>> {
    let bench = Arc::new(Bench::prepare(wishes.python.as_deref(), None)?);
    let facts = BTreeMap::from([
        ("python".to_owned(), bench.python.version.clone()),
        ("interpreter".to_owned(), bench.python.program.display().to_string()),
    ]);
    let (same, asked) = (Arc::clone(&bench), Arc::clone(&bench));
    Ok(Conductor {
        conduct: Box::new(move |trial, slot| conduct(trial, &bench, slot)),
        look_on: Box::new(move |trial, eyes| conduct_before(trial, &same, 0, eyes)),
        unmet: Box::new(move |trial| asked.unmet(trial)),
        facts,
    })
}
