//! Boots real kernels in virtual machines, and tries the sandbox and the harness there.
//!
//! Needs root, Debian, and qemu; not the help of a processor, without which it is some ten times
//! slower. Machines have no network, one runs at a time, and it ends with this program, however
//! that ends.
#![forbid(unsafe_code)]

mod cell;
mod host;
mod kernel;
mod machine;
mod matrix;
mod numbers;
mod remedies;
mod report;
mod root;
mod suites;
mod trials;
mod trouble;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::host::Host;
use crate::kernel::{Kernel, Series};
use crate::matrix::{Cell, Workshop};
use crate::report::Section;
use crate::root::{Scope, System};
use crate::suites::Mirrors;
use crate::trials::Became;
use crate::trouble::{Trouble, look_for};

/// Tries `bulkhead` and the harness on real kernels
#[derive(Parser)]
struct Arguments {
    /// Where kernels and systems are kept between runs; some gigabytes
    #[arg(long, global = true, env = "MACHINES_WORK", default_value = "target/machines")]
    work: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List kernels and hosts
    List,
    /// Go through kernels and hosts, and print what was found as a page
    Matrix {
        /// Only this series, as 6.1; may be repeated
        #[arg(long)]
        kernel: Vec<String>,
        /// Only this host, and no tests or trials; may be repeated
        #[arg(long)]
        host: Vec<String>,
        /// Write what was found into reports/machines.md, keeping what was not tried
        #[arg(long)]
        update: bool,
    },
    /// Build with every option that takes a path under systemd, and look at mounts and files
    Mounts {
        /// A series, as 6.1
        kernel: String,
        /// How often each kind of build is started
        #[arg(long, default_value_t = 16)]
        rounds: u32,
    },
    /// Hold the numbers of aarch64's system calls against the kernel's headers; no machine is started
    Numbers,
    /// What every change has to pass: two kernels, two hosts, the quickest tests
    Brief,
    /// Run tests of confinement in a machine
    Tests {
        /// A series, as 6.1
        kernel: String,
        /// Write what became of them into reports/machines.md
        #[arg(long)]
        update: bool,
        /// Only those whose names contain one of these words
        words: Vec<String>,
    },
    /// Run the tests of what labs hold in a machine with systemd
    Lab {
        /// A series, as 6.1
        kernel: String,
        /// Write what became of them into reports/machines.md
        #[arg(long)]
        update: bool,
        /// Only those whose names contain one of these words, as `held::`
        words: Vec<String>,
    },
    /// Apply what `bulkhead doctor` advises, each on a host that has the cause
    Remedies {
        /// A series, as 6.1
        kernel: String,
        /// Write what became of them into reports/machines.md
        #[arg(long)]
        update: bool,
    },
    /// Run the harness in a machine, against the committed reports
    Trials {
        /// A series, as 6.1
        kernel: String,
        /// Write what became of them into reports/machines.md
        #[arg(long)]
        update: bool,
        /// Options of `harness run`
        #[arg(last = true, default_values_t = trials::SOME.map(str::to_owned), allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Run one command in a machine, on a host that is made there
    Exec {
        /// A series, as 6.1
        kernel: String,
        /// A host
        host: String,
        /// Who runs it: root, user or session
        #[arg(long, default_value = "root")]
        caller: String,
        /// Build the harness too
        #[arg(long)]
        harness: bool,
        /// A program that is to lie at /opt/machines/tried
        #[arg(long)]
        program: Option<PathBuf>,
        /// After how many seconds it is ended
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// A line for bash; programs, scripts and the checkout are below /opt
        command: String,
    },
}

/// The kernels that every change is tried on.
const BRIEF: [&str; 2] = ["6.1", "7.3"];

/// What has to be installed.
const PROGRAMS: [(&str, &str); 11] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("debootstrap", "debootstrap"),
    ("busybox", "busybox-static"),
    ("cpio", "cpio"),
    ("modprobe", "kmod"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    ("mke2fs", "e2fsprogs"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("mkfs.xfs", "xfsprogs"),
    ("setpriv", "util-linux"),
];

/// The exit status where kernels or systems could not be fetched.
const NO_SUITES: u8 = 20;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("machines: {trouble}");
            ExitCode::from(if trouble.is_of_the_suites() { NO_SUITES } else { 2 })
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, Trouble> {
    if let Verb::List = arguments.verb {
        for series in kernel::ALL {
            println!("kernel  {}", series.name);
        }
        for host in host::ALL {
            println!("host    {:<18}  {}", host.name, host.title);
        }
        return Ok(ExitCode::SUCCESS);
    }
    look_for(&PROGRAMS)?;
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let checkout = trouble::at(&checkout, checkout.canonicalize())?;
    let work = trouble::at(&arguments.work, std::path::absolute(&arguments.work))?;
    if let Verb::Numbers = arguments.verb {
        let both = numbers::compare(&checkout, &Mirrors::of_this_machine()?, &work)?;
        println!("{both} system calls of aarch64 have the kernel's numbers");
        return Ok(ExitCode::SUCCESS);
    }
    let (tried, scope) = match &arguments.verb {
        Verb::Exec { program, harness, .. } => {
            (program.as_deref(), if *harness { Scope::Trials } else { Scope::Hosts })
        }
        Verb::Matrix { host, .. } if host.is_empty() => (None, Scope::Whole),
        Verb::Brief | Verb::Tests { .. } => (None, Scope::Tests),
        Verb::Trials { .. } => (None, Scope::Trials),
        Verb::Lab { .. } => (None, Scope::Lab),
        _ => (None, Scope::Hosts),
    };
    let workshop = Workshop::open(&checkout, &work, tried, scope)?;
    let chosen = |kernel: &String| workshop.kernel(one(&series(std::slice::from_ref(kernel))?)?);
    let page = checkout.join("reports/machines.md");
    let page = |update: bool| update.then_some(page.as_path());
    match &arguments.verb {
        Verb::List | Verb::Numbers => Ok(ExitCode::SUCCESS),
        Verb::Matrix { kernel, host, update } => {
            matrix(&workshop, &series(kernel)?, &hosts(host)?, scope, page(*update))
        }
        Verb::Tests { kernel, words, update } => {
            let kernel = chosen(kernel)?;
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let mut machine = workshop.boot(&kernel, System::Small, "")?;
            let became = trials::confinement(&mut machine, &workshop.load, &words)?;
            ended(&kernel, &[became], page(*update))
        }
        Verb::Lab { kernel, words, update } => {
            let kernel = chosen(kernel)?;
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let mut machine = workshop.boot(&kernel, System::Systemd, "")?;
            let became = trials::lab(&mut machine, &workshop.load, &words)?;
            ended(&kernel, &became, page(*update))
        }
        Verb::Remedies { kernel, update } => {
            let kernel = chosen(kernel)?;
            let became = remedies::go(&workshop, &kernel)?;
            ended(&kernel, &became, page(*update))
        }
        Verb::Trials { kernel, options, update } => {
            let kernel = chosen(kernel)?;
            let options: Vec<_> = options.iter().map(String::as_str).collect();
            let mut machine = workshop.boot(&kernel, System::Small, "")?;
            let became = trials::harness(&mut machine, &options)?;
            ended(&kernel, &[became], page(*update))
        }
        Verb::Mounts { kernel, rounds } => {
            let kernel = chosen(kernel)?;
            let mut machine = workshop.boot(&kernel, System::Systemd, "")?;
            let (became, lines) = trials::mounts(&mut machine, *rounds)?;
            println!("{}", lines.join("\n"));
            Ok(if became.well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Verb::Brief => {
            let kernels = series(&BRIEF.map(str::to_owned))?;
            let hosts = hosts(&["plain".to_owned(), "shared".to_owned()])?;
            matrix(&workshop, &kernels, &hosts, scope, None)
        }
        Verb::Exec { kernel, host, caller, seconds, command, .. } => {
            let kernel = chosen(kernel)?;
            let host = one(&hosts(std::slice::from_ref(host))?)?;
            let caller = match caller.as_str() {
                "root" => host::Caller::Root,
                "session" => host::Caller::Session,
                "user" => host::Caller::User,
                other => {
                    let (kind, name) = ("caller", other.to_owned());
                    return Err(Trouble::Unknown {
                        kind,
                        name,
                        known: "root, user, session".into(),
                    });
                }
            };
            let mut machine = workshop.boot(&kernel, host.system, host.word)?;
            let answer = machine.run(&matrix::script(host, caller, command), *seconds)?;
            print!("{}", answer.output);
            Ok(ExitCode::from(answer.status))
        }
    }
}

fn one<T: Copy>(found: &[T]) -> Result<T, Trouble> {
    let first = found.first().copied();
    first.ok_or_else(|| Trouble::Found("nothing was selected".to_owned()))
}

/// The series of these names, in their order; all where none is named.
fn series(names: &[String]) -> Result<Vec<Series>, Trouble> {
    select("kernel", names, &kernel::ALL.map(|it| (it.name, it)))
}

/// The hosts of these names, in their order; all where none is named.
fn hosts(names: &[String]) -> Result<Vec<&'static Host>, Trouble> {
    let known: Vec<_> = host::ALL.iter().map(|it| (it.name, it)).collect();
    select("host", names, &known)
}

fn select<T: Copy>(
    kind: &'static str,
    names: &[String],
    known: &[(&str, T)],
) -> Result<Vec<T>, Trouble> {
    if let Some(name) = names.iter().find(|name| !known.iter().any(|(it, _)| it == name)) {
        let known: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        return Err(Trouble::Unknown { kind, name: name.clone(), known: known.join(", ") });
    }
    let chosen =
        known.iter().filter(|(it, _)| names.is_empty() || names.iter().any(|name| name == it));
    Ok(chosen.map(|(_, value)| *value).collect())
}

fn matrix(
    workshop: &Workshop,
    kernels: &[Series],
    hosts: &[&'static Host],
    scope: Scope,
    page: Option<&Path>,
) -> Result<ExitCode, Trouble> {
    let mut well = true;
    for series in kernels {
        let kernel = workshop.kernel(*series)?;
        let told = |cell: &Cell| {
            let breaches = cell.wrong();
            let name = format!("{}, {}", cell.host.name, cell.caller.name());
            tell(breaches.is_empty(), &kernel, &name);
            for breach in &breaches {
                eprintln!("      {breach}");
            }
        };
        let cells = again(|| matrix::go(workshop, &kernel, hosts, told))?;
        let became = if kernel.is_too_old() {
            Vec::new()
        } else {
            again(|| tests(workshop, &kernel, scope))?
        };
        well &= cells.iter().all(|cell| cell.wrong().is_empty());
        well &= became.iter().all(|became| became.well);
        let section = Section::of(&kernel, &cells, &became);
        match page {
            Some(page) => report::write(page, &kernel, section)?,
            None => print!("## Linux {}\n{}", kernel.series, section.text()),
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Does it, and does it again where a machine has died of its emulation.
fn again<T>(mut attempt: impl FnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
    /// How often in all.
    const MOST: usize = 3;
    for _ in 1..MOST {
        match attempt() {
            Err(trouble) if trouble.is_of_emulation() => {
                eprintln!("      {trouble}, which is the emulator's fault (int3); once more");
            }
            other => return other,
        }
    }
    attempt()
}

/// Tells what became of tests or trials; gives the exit status.
fn ended(kernel: &Kernel, became: &[Became], page: Option<&Path>) -> Result<ExitCode, Trouble> {
    for became in became {
        tell(became.well, kernel, &format!("{}: {}", became.what, became.how));
    }
    if let Some(page) = page {
        report::write(page, kernel, Section::of(kernel, &[], became))?;
    }
    let well = !became.is_empty() && became.iter().all(|became| became.well);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(well: bool, kernel: &Kernel, what: &str) {
    eprintln!("{:<6}{:<6}{what}", if well { "ok" } else { "WRONG" }, kernel.series);
}

/// Runs tests and trials in a machine of their own.
fn tests(workshop: &Workshop, kernel: &Kernel, scope: Scope) -> Result<Vec<Became>, Trouble> {
    if scope == Scope::Hosts {
        return Ok(Vec::new());
    }
    let words = if scope.trials() { &[] } else { &trials::BRIEF[..] };
    let mut machine = workshop.boot(kernel, System::Small, "")?;
    let mut became = vec![trials::confinement(&mut machine, &workshop.load, words)?];
    if scope.trials() {
        became.push(trials::harness(&mut machine, &trials::SOME)?);
    }
    drop(machine);
    if scope.lab() {
        let mut machine = workshop.boot(kernel, System::Systemd, "")?;
        became.extend(trials::lab(&mut machine, &workshop.load, &[])?);
    }
    if scope == Scope::Whole {
        became.extend(remedies::go(workshop, kernel)?);
    }
    for became in &became {
        tell(became.well, kernel, &format!("{}: {}", became.what, became.how));
    }
    Ok(became)
}
