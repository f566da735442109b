//! The `bulkhead` program, as a function: the harness can play it too.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod attempt;
mod doctor;
mod error;
mod explain;
mod gc;
mod hook;
mod launch;
mod options;
mod policy_file;
mod report;
mod run;

use error::Failure;

/// Isolates untrusted Python builds.
///
/// Put it in front of the command that runs a stranger's code: `bulkhead run -- COMMAND…` for any
/// command, `bulkhead hook -- PYTHON …/_in_process.py HOOK DIR` for a call of pyproject_hooks.
#[derive(Debug, Parser)]
#[command(name = "bulkhead", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "\
Exit status: that of the command, and
  123  an output was refused
  124  the time limit was reached
  125  nothing was run: usage, policy, refusal or a failed step; one sentence says which
  126  the command cannot be executed
  127  the command was not found
  128+n  signal n ended the command";

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run a command, isolated, in a private copy of the working directory
    #[command(after_help = run::EXAMPLES)]
    Run(run::Arguments),
    /// Run one call of a build back end's hook; a drop-in prefix for a pyproject_hooks runner
    #[command(after_help = hook::EXAMPLES)]
    Hook(hook::Arguments),
    /// Print the whole plan for a command: environment, files, layers; run nothing
    Explain(explain::Arguments),
    /// Say what this host allows; for each refusal the cause and the exact remedy
    Doctor(doctor::Arguments),
    /// Remove what dead supervisors left: processes, accounts, directories; safe at any time
    Gc(gc::Arguments),
    /// Launch what a program that uses the library asks for over the socket at standard input
    #[command(hide = true)]
    Launch,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let command = match parse() {
        Ok(command) => command,
        Err(error) => {
            // Help and version are no errors. A usage error means that nothing was run.
            let status = if error.use_stderr() { error::NOTHING_RUN } else { 0 };
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    match obey(command) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            let _ = writeln!(anstream::stderr(), "bulkhead: {failure}");
            ExitCode::from(failure.exit_status())
        }
    }
}

/// The command of this process's arguments.
///
/// What every build goes through is described alone first: to describe all commands, with their
/// help, takes longer than some steps of a launch. Who asks for help or makes a mistake is answered
/// by the whole.
fn parse() -> Result<Command, clap::Error> {
    let mut words = std::env::args_os().skip(1);
    let alone = match words.next().as_deref().and_then(OsStr::to_str) {
        Some("run") => alone(words).map(Command::Run),
        Some("hook") => alone(words).map(Command::Hook),
        _ => None,
    };
    alone.map_or_else(|| Cli::try_parse().map(|cli| cli.command), Ok)
}

/// The arguments of one command, where they are right.
fn alone<A: clap::Args>(words: impl Iterator<Item = OsString>) -> Option<A> {
    let command = A::augment_args(clap::Command::default().no_binary_name(true));
    A::from_arg_matches(&command.try_get_matches_from(words).ok()?).ok()
}

fn obey(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Hook(arguments) => hook::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Doctor(arguments) => Ok(doctor::run(&arguments)),
        Command::Gc(arguments) => gc::run(&arguments),
        Command::Launch => launch::run(),
        Command::Completions { shell } => {
            let mut command = <Cli as clap::CommandFactory>::command();
            clap_complete::generate(shell, &mut command, "bulkhead", &mut std::io::stdout());
            Ok(0)
        }
    }
}
