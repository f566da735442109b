//! `bulkhead hook`: one call of a build back end's hook, isolated.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};

use super::attempt;
use super::error::Failure;
use super::options::Options;
use super::run::report;
use crate::harvest::{Destination, Harvest, Limits, collect, read_return, return_control_file};
use crate::launch::LaunchError;
use crate::outcome::End;
use crate::payload::{Payload, PrivateTree, Purpose};
use crate::pep517::{HookCall, HookKind, interpreter};
use crate::step::{At, Step};

pub(super) const EXAMPLES: &str = "\
Example, in Python:
  def runner(cmd, cwd=None, extra_environ=None):
      env = {**os.environ, **(extra_environ or {})}
      subprocess.run(['bulkhead', 'hook', '--', *cmd], cwd=cwd, env=env, check=True)
  pyproject_hooks.BuildBackendHookCaller(source, backend, runner=runner)";

/// The arguments of `hook`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Let the hook write to the source tree itself, as `build_editable` must
    #[arg(long)]
    in_place: bool,
    /// Refuse wheels with `.pth` or start-up files, which run code in every interpreter
    #[arg(long)]
    strict_artefacts: bool,
    /// `PYTHON …/_in_process.py HOOK CONTROL_DIR`
    #[arg(last = true, required = true, value_name = "CALL")]
    argv: Vec<OsString>,
}

/// Runs the hook, hands over what it made, and gives its exit status.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let demanded = arguments.options.demanded()?;
    let directory = std::env::current_dir().map_err(Failure::Directory)?;
    let call = HookCall::parse(&arguments.argv, &directory)?;
    if call.hook == HookKind::BuildEditable && !arguments.in_place {
        return Err(Failure::Usage(
            "an editable wheel points at the source tree, so `build_editable` must be allowed to \
             write to it; add `--in-place`"
                .to_owned(),
        ));
    }
    let (program, mut payload) = payload(&call, arguments, directory)?;
    arguments.options.grant(&demanded, &mut payload)?;
    payload.grant_tools();
    let (plan, finished) = attempt::run(&demanded.policy, &program, &payload)?;
    let outcome = finished.outcome;
    let harvested = match (outcome.end, finished.scratch()) {
        (End::Exited(0), Some(scratch)) => hand_over(&call, scratch, arguments.strict_artefacts),
        // Without a file system of its own the hook wrote to where the front end reads.
        _ => Ok(Harvest::default()),
    };
    finished.clear()?;
    harvested?;
    report(&plan, outcome, &arguments.options)?;
    Ok(outcome.end.exit_status())
}

/// The payload of a call: the hook's script in the interpreter, with the directories of PEP 517.
fn payload(
    call: &HookCall,
    arguments: &Arguments,
    directory: PathBuf,
) -> Result<(PathBuf, Payload), Failure> {
    let environment = std::env::vars_os().collect();
    let mut payload = Payload::command(arguments.argv.clone(), directory, environment)?;
    let search: Vec<_> = payload.search_path().collect();
    let found = interpreter(Path::new(&call.python), &payload.directory, &search)?;
    for path in found.grants.into_iter().chain(script_files(&call.script)) {
        payload.grant(path);
    }
    let trees = [
        (Some(&call.control), Purpose::Control),
        (call.output.as_ref(), Purpose::Output),
        (call.metadata.as_ref(), Purpose::Metadata),
    ];
    for (path, purpose) in trees {
        payload.trees.extend(path.map(|path| PrivateTree { path: path.clone(), purpose }));
    }
    if arguments.in_place {
        payload.trees.retain(|tree| tree.purpose != Purpose::Source);
        payload.grant_named(call.source.clone(), true)?;
    }
    let program = found.executable_chain.into_iter().next();
    Ok((program.unwrap_or_else(|| PathBuf::from(&call.python)), payload))
}

/// The script, and the file that it is a link to.
fn script_files(script: &Path) -> impl Iterator<Item = PathBuf> {
    let real = script.canonicalize().ok().filter(|real| real != script);
    std::iter::once(script.to_owned()).chain(real)
}

/// Copies what the hook made to where the front end expects it, now that no process is left that
/// could change it: the product first, then the answer that names it.
fn hand_over(call: &HookCall, scratch: BorrowedFd<'_>, strict: bool) -> Result<Harvest, Failure> {
    let limits = Limits::default();
    let returned = read_return(staging(scratch, Purpose::Control)?.as_fd(), call.hook, &limits)?;
    let mut harvest = Harvest::default();
    if let Some(output) = call.open_output()? {
        let destination = Destination { directory: output.as_fd(), owner: None };
        let staged = staging(scratch, Purpose::Output)?;
        harvest = collect(&returned, staged.as_fd(), &destination, &limits, strict)?;
    }
    let control = call.open_control()?;
    return_control_file(&returned, &Destination { directory: control.as_fd(), owner: None })?;
    Ok(harvest)
}

/// The staging directory of that purpose, as a descriptor.
fn staging(scratch: BorrowedFd<'_>, purpose: Purpose) -> Result<OwnedFd, LaunchError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(scratch, purpose.name(), flags, Mode::empty()).at(Step::Harvest)?)
}
