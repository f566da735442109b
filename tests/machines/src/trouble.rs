//! What can go wrong with the recipe itself, and how it starts programs.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Why a machine could not be made or asked. What is found in one is no trouble but an answer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A program is not installed.
    #[error("`{program}` is missing; install the package {package}")]
    Missing {
        /// Its name.
        program: &'static str,
        /// Debian's package that has it.
        package: &'static str,
    },
    /// A program could not be started, or failed.
    #[error("`{command}` failed: {why}")]
    Failed {
        /// Its words.
        command: String,
        /// The end of what it said, or why it did not start.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// This machine's packages do not come from Debian.
    #[error("apt has no source of Debian's release {0}; add one, or run this on Debian")]
    NoMirror(String),
    /// The suite has no such kernel any more.
    #[error("the suite {suite} has no kernel {series} for clouds; see `kernel.rs`")]
    NoKernel {
        /// The series, as `6.1`.
        series: String,
        /// Where it was looked for.
        suite: String,
    },
    /// A machine did not answer in time, or ended.
    #[error("the machine with Linux {release} {what}; its console is {console}")]
    Lost {
        /// Its kernel.
        release: String,
        /// What happened instead of an answer.
        what: String,
        /// Where its messages are.
        console: String,
    },
    /// A host could not be prepared, or the checks in it did not end well.
    #[error("{host} on Linux {release}: {why}")]
    Host {
        /// The host's name.
        host: String,
        /// The kernel.
        release: String,
        /// The end of what it said.
        why: String,
    },
    /// Nothing was selected.
    #[error("no {kind} is called `{name}`; there are: {known}")]
    Unknown {
        /// `kernel` or `host`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A report, or what a machine found, is not what it should be.
    #[error("{0}")]
    Found(String),
}

/// What the kernel of a machine says that has died of its emulator.
const EMULATION: &[u8] = b"Oops: int3";

impl Trouble {
    /// Whether a machine has met an instruction that its kernel was just replacing (`text_poke`): an
    /// emulator with a thread for each processor may run what it has translated before.
    pub fn is_of_emulation(&self) -> bool {
        let Self::Lost { console, .. } = self else { return false };
        std::fs::read(console)
            .is_ok_and(|text| text.windows(EMULATION.len()).any(|part| part == EMULATION))
    }

    /// Whether the packages of kernels and systems could not be had, which says nothing about what
    /// was to be tried.
    pub fn is_of_the_suites(&self) -> bool {
        match self {
            Self::NoMirror(_) | Self::NoKernel { .. } => true,
            Self::Failed { command, .. } => {
                ["\"apt-get\"", "\"debootstrap\""].iter().any(|program| command.contains(program))
            }
            _ => false,
        }
    }
}

/// Gives an error of a file its path.
pub fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, Trouble> {
    result.map_err(|error| Trouble::File { path: path.display().to_string(), error })
}

/// The last lines of what a program said.
pub fn end_of(text: &str) -> String {
    let lines: Vec<_> = text.trim().lines().collect();
    lines.iter().skip(lines.len().saturating_sub(6)).copied().collect::<Vec<_>>().join("\n")
}

/// Runs a program to its end and gives what it printed; it must succeed.
pub fn run(command: &mut Command) -> Result<String, Trouble> {
    let output = command.stdin(Stdio::null()).output();
    let failed = |why| Trouble::Failed { command: format!("{command:?}"), why };
    let Output { status, stdout, stderr } = match output {
        Ok(output) => output,
        Err(error) => return Err(failed(error.to_string())),
    };
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        let said = if said.trim().is_empty() { String::from_utf8_lossy(&stdout) } else { said };
        return Err(failed(format!("{status}: {}", end_of(&said))));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// The programs that the recipe needs, with their packages; the first that is missing is told.
pub fn look_for(programs: &[(&'static str, &'static str)]) -> Result<(), Trouble> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for &(program, package) in programs {
        let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
        if !places.into_iter().any(|place| place.join(program).is_file()) {
            return Err(Trouble::Missing { program, package });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_does_not_give_is_told_from_what_is_wrong_here() {
        let mut apt = Command::new("apt-get");
        apt.env("APT_CONFIG", "/nowhere").args(["download", "no-such-package"]);
        assert!(run(&mut apt).unwrap_err().is_of_the_suites());
        assert!(Trouble::NoMirror("bookworm".to_owned()).is_of_the_suites());
        assert!(!run(&mut Command::new("false")).unwrap_err().is_of_the_suites());
        assert!(!Trouble::Found("nothing".to_owned()).is_of_the_suites());
    }

    #[test]
    fn a_kernel_that_meets_its_own_patch_has_died_of_the_emulator() {
        let place = std::env::temp_dir().join(format!("console-{}", std::process::id()));
        let lost = || Trouble::Lost {
            release: "7.3".to_owned(),
            what: "has ended".to_owned(),
            console: place.display().to_string(),
        };
        assert!(!lost().is_of_emulation(), "there is no console");
        for (said, expected) in [
            ("[    5.254653] Oops: int3: 0000 [#1] SMP NOPTI\n", true),
            ("Kernel panic - not syncing: No working init found.\n", false),
        ] {
            std::fs::write(&place, said).unwrap();
            assert_eq!(lost().is_of_emulation(), expected, "{said}");
        }
        std::fs::remove_file(&place).unwrap();
    }
}
