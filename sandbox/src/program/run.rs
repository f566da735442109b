//! `bulkhead run`: any command, isolated.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::attempt;
use super::demand::Demand;
use super::error::Failure;
use super::leftover;
use super::options::Options;
use super::report::Report;
use super::settle::{note_names, settle};
use crate::ending::Call;
use crate::host::Host;
use crate::launch::{Beginning, rehearsal};
use crate::payload::{Payload, Stdin};
use crate::plain::say;
use crate::plan::Plan;
use crate::tools::{self, Lookup, Program};
use crate::unseen::{Depth, Unseen};

pub(super) const EXAMPLES: &str = "\
Examples:
  bulkhead run -- python3 setup.py bdist_wheel
  bulkhead run --rw dist --timeout 20m -- make wheel
  bulkhead run --env 'MY_BUILD_*' --env CC=clang -- ./build.sh";

/// The arguments of `run` and `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) options: Options,
    /// Let the command write to the working directory itself instead of a private copy
    #[arg(long)]
    in_place: bool,
    /// Let the command read this program's standard input, instead of nothing
    #[arg(long)]
    stdin: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    argv: Vec<OsString>,
}

impl Arguments {
    /// The plan by which the command would be run, on a host that was tried as a run tries it, and what
    /// the command does not see under it.
    pub(super) fn plan(&self) -> Result<(Plan, Vec<Unseen>), Failure> {
        let demand = self.demand(&directory()?)?;
        let settled = settle(&demand.policy, &demand.payload)?;
        let (host, _) = rehearsal::rehearse(&settled.policy, Host::probe());
        let host = host.looking_at(&settled.policy, &settled.payload, None);
        let plan = Plan::resolve(&settled.policy, &demand.program, &settled.payload, &host)?;
        let unseen = demand.unseen(&plan, Depth::Explain);
        Ok((plan, unseen))
    }

    /// What the plan is made of.
    fn demand(&self, directory: &Path) -> Result<Demand, Failure> {
        let demanded = self.options.demanded(&self.options.suspects(directory)?, None)?;
        let environment = std::env::vars_os().collect();
        let mut payload = Payload::command(self.argv.clone(), directory.to_owned(), environment)?;
        if self.in_place {
            payload.trees.clear();
            payload.grant_named(directory.to_owned(), true)?;
        }
        if self.stdin {
            payload.stdin = Stdin::Inherit;
        }
        self.options.grant(&demanded, &mut payload)?;
        let lookup = Lookup::of(&payload);
        let Program { path: program, mut withheld } = tools::program(&mut payload, &lookup)?;
        withheld.extend(tools::search(&mut payload, &demanded.policy.environment, &lookup));
        note_names(&mut payload, &["PWD"]);
        let (policy, quiet, why) =
            (demanded.policy, self.options.quiet, self.options.why.is_some());
        Ok(Demand { policy, program, payload, withheld, quiet, why })
    }
}

fn directory() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(Failure::Directory)
}

/// Runs the command, and gives its exit status.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let beginning = Beginning::now();
    let directory = directory()?;
    let report = Report::open(&arguments.options, &arguments.options.suspects(&directory)?)?;
    let launched = arguments.demand(&directory).and_then(|demand| {
        let started = |plan: &Plan| demand.tell_unseen(plan);
        let client = attempt::client(&beginning, &demand, &started)?;
        let Demand { policy, program, payload, .. } = &demand;
        let (plan, finished) = attempt::run(policy, program, payload, &client)?;
        Ok((demand, plan, finished))
    });
    let (demand, plan, finished) = match launched {
        Ok(launched) => launched,
        Err(failure) => return Err(report.not_started(failure)),
    };
    let left = if demand.quiet { None } else { leftover::told(&plan, &demand.payload, &finished) };
    let telling = arguments.options.telling(&demand.payload);
    let status = report.conclude(Call::Run, &plan, finished, telling);
    if let Some(sentence) = left {
        say(format_args!("{sentence}"));
    }
    Ok(status)
}
