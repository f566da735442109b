//! The `harness` program.
#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use harness::cli::{self, Conductor, Wishes, World};
use harness::runner::interrupt;

fn main() -> ExitCode {
    // LEAD: when the file name of argv[0] is `bulkhead`, return sandbox::program::main().
    // LAB: when argv[1] is `__lab` or `__victim`, return the lab's side.
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

/// LAB: returns a conductor around `Bench::prepare` and `conduct`.
fn prepare(_wishes: &Wishes) -> Result<Conductor, Box<dyn Error + Send + Sync>> {
    Err("the lab is not part of this build".into())
}
