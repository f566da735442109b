//! The command line.
#![forbid(unsafe_code)]

mod ablate;
mod background;
mod changes;
mod check;
mod conducted;
mod contained;
mod contenders;
mod coverage;
mod debug;
mod diff;
mod doctor;
mod exit;
mod failure;
mod gc;
mod init;
mod list;
mod log;
mod machine;
mod matrix;
mod merge;
mod new;
mod outcome;
mod pages;
mod report_writer;
mod run;
mod schema;
mod settings;
mod show;
mod summary;
mod timings;
mod verify;
mod views;
mod wanted;
mod workspace;

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, CommandFactory, Parser, Subcommand};
use sandbox::plain::Colour;
use sandbox::program::usage::sentence;

use crate::builtin::VERSIONS;
use crate::conduct::observer::DynObserver;
use crate::oracle::Observation;
use crate::redact;
use crate::runner::Conduct;
use crate::schedule::Trial;
use conducted::{conducted, slots};
pub use contained::{Needs, needs};
use exit::Exit;
use failure::Failure;

/// What the command line needs of the world: a test gives another one.
pub struct World<'a> {
    /// The directory from which the workspace is looked for.
    pub here: PathBuf,
    /// The caller's home, which reports call `{home}`.
    pub home: Option<PathBuf>,
    /// `REQUIRE_ISOLATION=1`: a trial that cannot be run here is a failure.
    pub require_isolation: bool,
    /// Standard error is a terminal, so progress can be a bar.
    pub live: bool,
    /// Standard output.
    pub out: &'a mut (dyn Write + Send),
    /// Standard error.
    pub err: &'a mut (dyn Write + Send),
    /// Set once the user wants to stop.
    pub stop: &'a AtomicBool,
    /// Gets ready to conduct trials.
    pub prepare: &'a Prepare,
}

/// What a run asks of whoever conducts its trials.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// The interpreter, if not `python3`.
    pub python: Option<PathBuf>,
    /// How many trials run at the same time.
    pub slots: usize,
    /// How often each is tried, if not once.
    pub times: Option<NonZeroUsize>,
    /// The machine is busy: each has more time.
    pub slow: bool,
    /// The seed of the order in which they begin, if not that of the catalogue.
    pub shuffle: Option<u64>,
    /// Nobody has read what is tried.
    pub untrusted: bool,
}

/// Who conducts the trials of a run.
pub struct Conductor {
    /// Conducts one trial in the slot of that number.
    pub conduct: Box<Conduct<'static>>,
    /// Conducts one trial while an observer looks on.
    pub look_on: Box<LookOn>,
    /// Why a trial cannot be conducted on this machine.
    pub unmet: Box<Unmet>,
    /// What the record of the run says of the machine: the interpreter, the front end.
    pub facts: BTreeMap<String, String>,
}

/// Conducts one trial while an observer looks on.
pub type LookOn = dyn Fn(&Trial, &mut DynObserver<'_>) -> Observation;

/// Why a trial cannot be conducted on this machine: one sentence, if it cannot.
pub type Unmet = dyn Fn(&Trial) -> Option<String>;

/// Gets ready to conduct trials, or says what this machine lacks.
pub type Prepare = dyn Fn(&Wishes) -> Result<Conductor, Box<dyn Error + Send + Sync>>;

/// Runs the command line `args`, of which the first is the program's name; the exit status.
pub fn start(args: impl IntoIterator<Item = OsString>, world: &mut World<'_>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let program = args.first().map(|first| first.to_string_lossy().into_owned());
    let program = program.unwrap_or_else(|| "harness".to_owned());
    let command = match Cli::try_parse_from(&args) {
        Ok(cli) => cli.command,
        Err(error) => return unread(&error, &args, world).code(),
    };
    let done = match command {
        Command::Run(args) => run::command(&args, &program, world),
        Command::Ablate(args) => ablate::command(&args, world),
        Command::List(args) => list::command(&args, world),
        Command::Merge(args) => merge::command(&args, world),
        Command::Debug(args) => debug::command(&args, world),
        Command::Verify(args) => verify::command(&args, world),
        Command::New(args) => new::command(&args, world),
        Command::Init(args) => init::command(&args, world),
        Command::Show(args) => show::command(&args, world),
        Command::Log(args) => log::command(&args, world),
        Command::Check(args) => check::command(&args, world),
        Command::Diff(args) => diff::command(&args, world),
        Command::Report(args) => matrix::command(&args, world),
        Command::Coverage(args) => coverage::command(&args, world),
        Command::Doctor(args) => doctor::command(&args, world),
        Command::Gc(args) => gc::command(&args, world),
        Command::Pages(args) => pages::command(&args, world),
        Command::Schema(args) => schema::command(&args, world),
        Command::Completions { shell } => completions(shell, world),
        Command::Manual { directory } => manual(directory),
    };
    done.unwrap_or_else(|failure| world.complain(&failure)).code()
}

/// Answers a command line that names no command: help and version, or what is wrong.
fn unread(error: &clap::Error, args: &[OsString], world: &mut World<'_>) -> Exit {
    let text = error.render().ansi().to_string();
    if !error.use_stderr() {
        // Help and version are what was asked for.
        let said = world.say(&text).map(|()| Exit::Ok);
        return said.unwrap_or_else(|failure| world.complain(&failure));
    }
    let mut command = Cli::command();
    command.build();
    let text = match sentence(error, &command, args) {
        Some(sentence) => redact::plain(format!("harness: {sentence}\n").as_bytes()),
        None => text,
    };
    // Whoever does not read what is wrong cannot be told either.
    let _ = world.err.write_all(text.as_bytes());
    Exit::Usage
}

fn completions(shell: clap_complete::Shell, world: &mut World<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "harness", &mut script);
    world.say(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}

fn manual(directory: PathBuf) -> Result<Exit, Failure> {
    clap_mangen::generate_to(Cli::command(), &directory)
        .map_err(|source| Failure::Document { file: directory, source })?;
    Ok(Exit::Ok)
}

impl World<'_> {
    /// Says why nothing came of it, and gives the exit status.
    fn complain(&mut self, failure: &Failure) -> Exit {
        // Nobody is left to tell where that cannot be written.
        let _ = writeln!(self.err, "{}", failure.told(&self.here));
        failure.exit()
    }

    /// Writes to standard output. That nobody reads on is no failure.
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(source) => Err(Failure::Output { source }),
            Ok(()) => Ok(()),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  harness run                              every attack at every level
  harness run -t own@full -E secrets/      the attacks on secrets, at the strongest level
  harness run --check                      compare with the committed reports
  harness list -E 'severity(>=high) & layer(mounts)'
  harness show secrets/netrc-read";

const STATUS: &str = "\
Exit status:
    0  all as expected
    2  usage
    3  the catalogue has mistakes
    4  nothing was selected
   10  an unexpected escape
   11  an unexpected block, or a gap that has closed or expired
   12  a trial that proves nothing or went wrong, or coverage was lost
   13  --check: the report differs from the committed one, the verdicts do not
   20  this machine cannot run what was asked
   21  the target broke: no honest build builds in it
   22  the host was contaminated
   70  internal error, or a live canary in an output
  130  interrupted; everything was cleaned up
Where several hold: 70, 130, 22, 3, 21, 10, 11, 12, 13, in this order.";

/// Puts sandboxes on trial.
///
/// Runs a catalogue of malicious Python builds inside a sandbox, looks from outside whether they
/// got through, and reports what was seen. An attack counts as blocked only if the same attack
/// got through without the sandbox in the same run.
#[derive(Debug, Parser)]
#[command(name = "harness", version, long_version = VERSIONS, max_term_width = 100)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{STATUS}"))]
struct Cli {
    /// When text has colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    #[arg(hide_default_value = true, overrides_with = "color")]
    color: Colour,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Ablate(ablate::AblateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Log(log::LogArgs),
    New(new::NewArgs),
    Init(init::InitArgs),
    Verify(verify::VerifyArgs),
    Debug(debug::DebugArgs),
    Merge(merge::MergeArgs),
    Check(check::CheckArgs),
    Diff(diff::DiffArgs),
    Report(matrix::ReportArgs),
    Coverage(coverage::CoverageArgs),
    Schema(schema::SchemaArgs),
    Pages(pages::PagesArgs),
    Doctor(doctor::DoctorArgs),
    Gc(gc::GcArgs),
    /// Print a completion script for a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command, to a directory
    #[command(hide = true)]
    Manual {
        /// The directory, which is there
        directory: PathBuf,
    },
}

/// Where the attacks and the sandboxes are.
#[derive(Clone, Debug, Default, Args)]
struct Places {
    /// Add a folder of attacks, laid out as GUARANTEE/SLUG/attack.toml
    ///
    /// The attacks that are built in come first, or those of the checkout in which this is run;
    /// --no-builtin leaves them out.
    #[arg(long = "catalogue", value_name = "DIR")]
    catalogue: Vec<PathBuf>,
    /// Add a folder of sandboxes, laid out as NAME/target.toml
    #[arg(long = "targets", value_name = "DIR")]
    targets: Vec<PathBuf>,
    /// Leave out the attacks and sandboxes that are built in, or those of the checkout
    #[arg(long)]
    no_builtin: bool,
}

impl Places {
    /// The options that say the same, each after a blank.
    fn words(&self) -> String {
        let mut line = String::new();
        for (name, dirs) in [("catalogue", &self.catalogue), ("targets", &self.targets)] {
            for dir in dirs {
                // Writing into a string cannot fail.
                let _ = write!(line, " --{name} {}", quoted(&dir.display().to_string()));
            }
        }
        if self.no_builtin {
            line.push_str(" --no-builtin");
        }
        line
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let word = redact::one_line(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.@-+=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
