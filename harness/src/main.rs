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
use harness::conduct::{RunContext, conduct, conduct_before};
use harness::lab::{self, groups};
use harness::runner::interrupt;
use sandbox::plain::Colour;
use sandbox::sys::descriptors::close_on_exec_from;

fn main() -> ExitCode {
    // This program also plays `bulkhead`, the lab's first process and the victims.
    if let Some(code) = lab::played() {
        return code;
    }
    // What our caller left open is neither ours to hand on nor a lab's to find.
    if let Err(error) = close_on_exec_from(3) {
        let _ = writeln!(io::stderr(), "harness: open descriptors cannot be kept back: {error}");
        return ExitCode::from(70);
    }
    if let Err(error) = interrupt::watch() {
        let _ = writeln!(io::stderr(), "harness: signals cannot be watched: {error}");
        return ExitCode::from(70);
    }
    Colour::asked(env::args_os()).choose();
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
    let context = Arc::new(RunContext::prepare(wishes.python.as_deref(), None)?);
    context.measure(wishes.slots)?;
    let limits = if groups::are_lent() {
        "control groups"
    } else {
        let _ = writeln!(
            io::stderr(),
            "harness: no control groups are lent here: each process of a lab is bounded in memory, \
             and all of them together are not"
        );
        "resource limits"
    };
    if !groups::bound_devices() {
        let _ = writeln!(
            io::stderr(),
            "harness: no control group bounds devices here: root of a lab can open any device of this \
             machine"
        );
    }
    let facts = BTreeMap::from([
        ("limits".to_owned(), limits.to_owned()),
        ("python".to_owned(), context.python.version.clone()),
        ("interpreter".to_owned(), context.python.program.display().to_string()),
    ]);
    let (same, asked) = (Arc::clone(&context), Arc::clone(&context));
    Ok(Conductor {
        conduct: Box::new(move |trial, slot| conduct(trial, &context, slot)),
        look_on: Box::new(move |trial, observer| conduct_before(trial, &same, 0, observer)),
        unmet: Box::new(move |trial| asked.unmet(trial)),
        facts,
    })
}
