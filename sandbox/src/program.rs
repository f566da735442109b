//! The `bulkhead` program, as a function: the harness can play it too.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

mod attempt;
mod demand;
mod doctor;
mod error;
mod explain;
mod gc;
mod hook;
mod launch;
mod leftover;
mod limit_options;
mod options;
mod policy_file;
mod report;
mod run;
mod sanitizers;
mod set_id;
mod settle;
pub mod usage;
mod why;

use crate::ending::NOTHING_RUN;
use crate::plain::{Colour, print, print_own, say};
use crate::sys::signals;
use error::Failure;

/// Isolates untrusted Python builds.
///
/// Put it in front of the command that runs a stranger's code: `bulkhead run -- COMMAND…` for any
/// command, `bulkhead hook -- PYTHON …/_in_process.py HOOK DIR` for a call of pyproject_hooks.
#[derive(Debug, Parser)]
#[command(name = "bulkhead", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = EXIT_STATUS)]
struct Cli {
    /// When this program's own text has colours; those of a build are never shown
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    #[arg(hide_default_value = true, overrides_with = "color")]
    color: Colour,
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
  128+n  signal n ended the command

A hook that exits with 123 or more itself is said to have ended with 1, so these are always
bulkhead's own. `run` passes such a status on and says that it is the command's. `--outcome` tells
one from the other for programs.";

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
    /// Read what a build left, for a supervisor at standard input
    #[command(hide = true)]
    Inspect,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command, to a directory
    #[command(hide = true)]
    Manual {
        /// The directory, which is there
        directory: PathBuf,
    },
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    if let Err(sentence) = begin() {
        say(sentence);
        return ExitCode::from(NOTHING_RUN);
    }
    let command = match parse() {
        Ok(command) => command,
        Err(error) => return unread(&error),
    };
    let done = match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Hook(arguments) => hook::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Gc(arguments) => gc::run(&arguments),
        Command::Launch => launch::run(),
        Command::Inspect => Ok(crate::inspector::serve()),
        Command::Completions { shell } => completions(shell),
        Command::Manual { directory } => manual(directory),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            say(&failure);
            ExitCode::from(failure.exit_status())
        }
    }
}

/// What comes before everything else: why nothing may be run, in a sentence.
fn begin() -> Result<(), String> {
    signals::take()
        .map_err(|errno| format!("cannot say what is to happen on a signal: {}", errno.desc()))?;
    if let Some(more) = set_id::found() {
        return Err(format!(
            "the file of this program has {more}, with which every caller could do what the file's \
             owner may; take that away (`chmod ug-s`, `setcap -r`): whoever wants more than an \
             ordinary user gets calls it as root"
        ));
    }
    Colour::asked(std::env::args_os()).choose();
    Ok(())
}

/// Answers a command line that names no command. Help and version are no errors. A usage error means
/// that nothing was run.
fn unread(error: &clap::Error) -> ExitCode {
    let shown = error.render();
    if error.use_stderr() {
        match mistake(error, &std::env::args_os().collect::<Vec<_>>()) {
            Some(sentence) => say(sentence),
            // Whoever does not read what is wrong cannot be told either.
            None => drop(print(&shown.to_string(), true)),
        }
        return ExitCode::from(NOTHING_RUN);
    }
    match print_own(&shown.ansi().to_string()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(Failure::Unprinted(error));
            ExitCode::from(NOTHING_RUN)
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bulkhead", &mut script);
    print_own(&String::from_utf8_lossy(&script)).map_err(Failure::Unprinted)?;
    Ok(0)
}

fn manual(directory: PathBuf) -> Result<u8, Failure> {
    let written = clap_mangen::generate_to(Cli::command(), &directory);
    written.map_err(|source| Failure::Manual { directory, source })?;
    Ok(0)
}

/// The sentence for a command line that cannot be read, where there is one.
fn mistake(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let mut command = Cli::command();
    // Only then each command has the options that all share.
    command.build();
    let is_near = usage::is_near_command(error, &command);
    let special = if is_near { None } else { usage::of_isolation(error, words) };
    special.or_else(|| usage::sentence(error, &command, words))
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
        Some(crate::launch::INSPECT) => Some(Command::Inspect),
        _ => None,
    };
    alone.map_or_else(|| Cli::try_parse().map(|cli| cli.command), Ok)
}

/// The arguments of one command, where they are right.
fn alone<A: clap::Args>(words: impl Iterator<Item = OsString>) -> Option<A> {
    let command = A::augment_args(clap::Command::default().no_binary_name(true));
    A::from_arg_matches(&command.try_get_matches_from(words).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_the_help_names_has_a_manual_page() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().to_owned();
        assert_eq!(manual(directory.clone()).unwrap(), 0);
        let mut pages: Vec<_> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        pages.sort();
        let command = <Cli as clap::CommandFactory>::command();
        let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
        let mut expected: Vec<_> =
            shown.map(|it| format!("bulkhead-{}.1", it.get_name())).collect();
        expected.push("bulkhead.1".to_owned());
        expected.sort();
        assert_eq!(pages, expected);
        let hook = std::fs::read_to_string(directory.join("bulkhead-hook.1")).unwrap();
        assert!(hook.contains(".TH bulkhead-hook 1") && hook.contains("\\-\\-expect"), "{hook}");
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let directory = PathBuf::from("/nonexistent/man");
        let failure = manual(directory).unwrap_err();
        assert_eq!(failure.exit_status(), NOTHING_RUN);
        assert!(failure.to_string().contains("/nonexistent/man"), "{failure}");
    }

    fn told(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = Cli::try_parse_from(&words).err().unwrap();
        mistake(&error, &words).unwrap()
    }

    #[test]
    fn a_missing_dash_and_a_mistyped_command_are_told_with_what_is_right() {
        for line in ["bulkhead run make", "bulkhead run --rw dist make -j2"] {
            assert!(told(line).contains("`bulkhead run [OPTIONS] -- make …`"), "{line}");
        }
        assert!(told("bulkhead hook python x").contains("bulkhead hook [OPTIONS] -- "));
        assert!(told("bulkhead explain make").contains("-- make"));
        for (typed, meant) in [("rnu", "run"), ("docter", "doctor"), ("exlain", "explain")] {
            let told = told(&format!("bulkhead {typed}"));
            assert!(told.contains(&format!("did you mean `{meant}`?")), "{told}");
        }
        assert!(told("bulkhead python -c 1").contains("`bulkhead run -- python …`"));
        assert!(told("bulkhead run").contains("`bulkhead run -- make`"));
        // What is hidden is not suggested.
        assert!(!told("bulkhead inspec").contains("did you mean"));
    }
}
