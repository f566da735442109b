//! Eight builds at once, each launched and followed by a thread of its own.
//!
//! `cargo run -p sandbox --example threads -- target/debug/bulkhead`

use std::error::Error;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::thread;

use sandbox::{End, Launcher, Layer, Level, Payload, Policy, Standard};

/// The program `bulkhead` is the first argument.
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let program = std::env::args_os().nth(1).ok_or("name the program bulkhead")?;
    let directory = std::env::temp_dir().join(format!("threads-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let built = build_all(&Launcher::new(program), &directory);
    std::fs::remove_dir(&directory)?;
    for line in built? {
        println!("{line}");
    }
    Ok(())
}

/// Runs eight builds in private copies of `directory`, and gives what each has printed.
///
/// # Errors
/// The first that could not be launched or followed.
pub fn build_all(
    launcher: &Launcher,
    directory: &Path,
) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    thread::scope(|scope| {
        let build = |number| move || build(launcher, directory.to_owned(), number);
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(build(number))).collect();
        let panicked = |_| Err("a thread panicked".into());
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    })
}

/// Runs one build, and reads what it prints while it runs.
fn build(
    launcher: &Launcher,
    directory: PathBuf,
    number: u8,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let script = format!("echo build {number} is uid $(id -u) of $(hostname); exit {number}");
    let argv = vec!["/bin/sh".into(), "-c".into(), script.into()];
    let payload = Payload::command(argv, directory, std::env::vars_os().collect())?;
    let policy = Policy::preset(Level::Full);

    let mut running = launcher.launch(&policy, &payload, Standard::piped())?;
    let output = running.take_output().ok_or("there is no pipe")?;
    let lines: Vec<String> = BufReader::new(output).lines().collect::<io::Result<_>>()?;
    let ended = running.finish()?;

    // How it ended is a value, and what held it was read back from the kernel.
    assert_eq!(ended.outcome.end, End::Exited(number));
    assert!(ended.outcome.enforced.has(Layer::Syscalls));
    Ok(lines.join("\n"))
}
