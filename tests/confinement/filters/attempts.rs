//! System calls made with and without the filter, and what came of them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use sandbox::layers::syscalls::{interpreter, resolve};
use sandbox::policy::syscalls::{Architecture, Decision, Syscalls, Table};

use crate::payload::run_with;

/// A call, how Python makes it, and what the filter answers.
pub(crate) struct Attempt {
    pub(crate) what: &'static str,
    call: &'static str,
    /// The arguments as far as the filter looks at them.
    arguments: &'static [u64],
    python: &'static str,
    pub(crate) error: Errno,
}

pub(crate) const fn attempt(
    what: &'static str,
    call: &'static str,
    arguments: &'static [u64],
    python: &'static str,
    error: Errno,
) -> Attempt {
    Attempt { what, call, arguments, python, error }
}

pub(crate) fn native() -> Architecture {
    Architecture::native().expect("a supported architecture")
}

/// Every attempt once without and once behind the filter.
pub(crate) fn prove(attempts: &[Attempt]) {
    let directory = tempfile::tempdir().expect("a directory");
    let free = results("none", attempts, directory.path());
    let confined = results("syscalls", attempts, directory.path());
    let mut absent = Vec::new();
    for attempt in attempts {
        let refusal = attempt.error as i32;
        assert_eq!(ask(attempt), Decision::Refuse(attempt.error), "{}", attempt.what);
        match free[attempt.what] {
            0 => assert_eq!(confined[attempt.what], refusal, "{}", attempt.what),
            error => absent.push(format!("{} ({:?})", attempt.what, Errno::from_raw(error))),
        }
    }
    // Printed, so that a machine on which nothing could be tried does not look like a proof.
    println!("{} tried; not on this kernel: {absent:?}", attempts.len() - absent.len());
    let mostly = absent.len() * 2 < attempts.len();
    assert!(mostly || !rustix::process::geteuid().is_root(), "hardly tried: {absent:?}");
}

fn ask(attempt: &Attempt) -> Decision {
    let table = Table::of(Syscalls::default(), native());
    let number = table.named(attempt.call).expect("a known call").number;
    let mut six = [0; 6];
    six[..attempt.arguments.len()].copy_from_slice(attempt.arguments);
    let filter = resolve(Syscalls::default(), native());
    interpreter::run(&filter.program, number, native().audit(), &six).expect("a sound program")
}

/// The interpreter behind whatever stands in PATH, and the prefix that it lives in.
pub(crate) fn python() -> (String, String) {
    let ask = "import sys; print(sys.executable); print(sys.base_prefix)";
    let output = Command::new("python3").args(["-c", ask]).output().expect("python3 starts");
    let lines = String::from_utf8(output.stdout).expect("text");
    let (executable, prefix) = lines.trim_end().split_once('\n').expect("two lines");
    (executable.to_owned(), prefix.to_owned())
}

/// What came of each attempt: 0, an error number, or minus the number of a signal.
pub(crate) fn results(
    layer: &str,
    attempts: &[Attempt],
    directory: &Path,
) -> BTreeMap<String, i32> {
    results_with(layer, attempts, directory, &[])
}

/// The same with more variables in the environment.
pub(crate) fn results_with(
    layer: &str,
    attempts: &[Attempt],
    directory: &Path,
    variables: &[(&str, &OsStr)],
) -> BTreeMap<String, i32> {
    let table = Table::of(Syscalls::default(), native());
    let numbers: BTreeMap<_, _> =
        table.entries.iter().map(|entry| (entry.call.name, entry.number)).collect();
    let list: Vec<_> = attempts.iter().map(|attempt| (attempt.what, attempt.python)).collect();
    let input = directory.join("attempts.json");
    std::fs::write(&input, serde_json::to_vec(&list).expect("a list")).expect("written");
    let script = directory.join("attempts.py");
    std::fs::write(&script, include_str!("attempts.py")).expect("written");
    let numbers = serde_json::to_string(&numbers).expect("a map");
    let (python, prefix) = python();
    let argv =
        ["sh", "-c", "exec \"$1\" attempts.py \"$2\" < attempts.json", "sh", &python, &numbers];
    let ran = run_with(layer, &argv, directory, variables, &[prefix.into()]);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}
