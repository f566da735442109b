//! `bulkhead run`: any command, isolated.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::attempt;
use super::error::Failure;
use super::options::Options;
use super::report::Report;
use crate::host::Host;
use crate::payload::Payload;
use crate::pep517::interpreter;
use crate::plan::Plan;
use crate::policy::Policy;

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
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    argv: Vec<OsString>,
}

impl Arguments {
    /// The plan for the command.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let (policy, program, payload) = self.demands()?;
        let host = Host::probe().looking_at(&policy, &payload);
        Ok(Plan::resolve(&policy, &program, &payload, &host)?)
    }

    /// What the plan is made of.
    fn demands(&self) -> Result<(Policy, PathBuf, Payload), Failure> {
        let demanded = self.options.demanded()?;
        let directory = std::env::current_dir().map_err(Failure::Directory)?;
        let mut payload =
            Payload::command(self.argv.clone(), directory, std::env::vars_os().collect())?;
        let program = payload.program()?;
        self.options.grant(&demanded, &mut payload)?;
        payload.grant_tools();
        grant_interpreter(&mut payload, &program);
        Ok((demanded.policy, program, payload))
    }
}

/// An interpreter that lies outside the system's directories needs its library.
fn grant_interpreter(payload: &mut Payload, program: &Path) {
    let named_python =
        program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python"));
    if named_python && let Ok(found) = interpreter(program, &payload.directory, &[]) {
        for path in found.grants {
            payload.grant(path);
        }
    }
}

/// Runs the command, and gives its exit status.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let report = Report::open(&arguments.options)?;
    let launched = arguments
        .demands()
        .and_then(|(policy, program, payload)| attempt::run(&policy, &program, &payload));
    let (plan, finished) = match launched {
        Ok(launched) => launched,
        Err(failure) => return Err(report.not_started(failure)),
    };
    Ok(report.conclude(&plan, finished))
}
