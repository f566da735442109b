//! `bulkhead hook`: one call of a build back end's hook, isolated.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};

use super::attempt;
use super::error::Failure;
use super::options::Options;
use super::report::Report;
use crate::harvest::{
    Destination, Harvest, Limits, Refused, collect, copy_unchecked, read_return,
    return_control_file,
};
use crate::launch::{Finished, LaunchError};
use crate::outcome::End;
use crate::payload::{Payload, PrivateTree, Purpose};
use crate::pep517::{HookCall, HookError, HookKind, PYTHONPATH, interpreter, overlay};
use crate::plan::Plan;
use crate::policy::Policy;
use crate::policy::environment::{Pattern, Ruling};
use crate::step::{At, Step};
use crate::words::Layer;

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
    let report = Report::open(&arguments.options)?;
    let (plan, mut finished, call) = match launch(arguments) {
        Ok(launched) => launched,
        Err(failure) => return Err(report.not_started(failure)),
    };
    // Without a file system of its own the hook wrote to where the front end reads.
    if let (End::Exited(0), Some(scratch)) = (&finished.outcome.end, finished.scratch()) {
        let handing = if plan.has(Layer::Harvest) {
            hand_over(&call, scratch, arguments.strict_artefacts)
        } else {
            hand_over_unchecked(&call, scratch)
        };
        match handing {
            Ok(harvest) => finished.outcome.harvest = harvest,
            Err(error) => {
                let _ = writeln!(anstream::stderr(), "bulkhead: {error}");
                finished.outcome.end = error.end();
            }
        }
    }
    Ok(report.conclude(&plan, finished))
}

/// Launches the call and waits for its end.
fn launch(arguments: &Arguments) -> Result<(Plan, Finished, HookCall), Failure> {
    let mut demanded = arguments.options.demanded()?;
    // What a hook returns is for the front end that called it, and for nobody else.
    demanded.policy.ends_with_caller = true;
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
    python_path(&mut demanded.policy, &mut payload);
    let (plan, finished) = attempt::run(&demanded.policy, &program, &payload)?;
    Ok((plan, finished, call))
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

/// Lets the call have the environment that pip built for it, and says what becomes of any other
/// PYTHONPATH: a back end that is silently taken from elsewhere may build something else.
fn python_path(policy: &mut Policy, payload: &mut Payload) {
    let name = OsStr::new(PYTHONPATH);
    let Some(value) = payload.variable(PYTHONPATH).filter(|value| !value.is_empty()) else {
        return;
    };
    let ruling = policy.environment.rule(name, value);
    if ruling == Ruling::Deleted || policy.environment.set.iter().any(|(set, _)| set == name) {
        return;
    }
    let parts = overlay(value);
    let held = ruling == Ruling::Unlisted && policy.layers.has(Layer::Environment);
    if held && parts.is_empty() {
        let _ = writeln!(
            anstream::stderr(),
            "bulkhead: PYTHONPATH is not passed on, so the hook does not find what it names; to \
             pass it on, add `--env {PYTHONPATH}` and `--ro` for each of its directories"
        );
    } else if held {
        policy.environment.keep.push(Pattern::new(PYTHONPATH));
    }
    for part in parts {
        payload.grant(part);
    }
}

/// The script, and the file that it is a link to.
fn script_files(script: &Path) -> impl Iterator<Item = PathBuf> {
    let real = script.canonicalize().ok().filter(|real| real != script);
    std::iter::once(script.to_owned()).chain(real)
}

/// Why nothing was handed over.
#[derive(Debug, thiserror::Error)]
enum HandingOver {
    /// The output is not what it should be.
    #[error("{0}")]
    Refused(Refused),
    /// It could not be looked at.
    #[error("the outputs cannot be handed over: {0}")]
    Failed(Failure),
}

impl HandingOver {
    /// The end of the build, which has run, and of whose outputs nothing is to be used.
    fn end(self) -> End {
        let (file, why) = match self {
            Self::Refused(Refused { file, why }) => (file, why.to_string()),
            Self::Failed(failure) => (".".to_owned(), failure.to_string()),
        };
        End::OutputRefused { file, why }
    }
}

impl From<Refused> for HandingOver {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<LaunchError> for HandingOver {
    fn from(error: LaunchError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<HookError> for HandingOver {
    fn from(error: HookError) -> Self {
        Self::Failed(error.into())
    }
}

/// Copies what the hook made to where the front end expects it, now that no process is left that
/// could change it: the product first, then the answer that names it.
fn hand_over(
    call: &HookCall,
    scratch: BorrowedFd<'_>,
    strict: bool,
) -> Result<Harvest, HandingOver> {
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

/// The same without the layer `harvest`: everything as it is, which is what front ends do.
fn hand_over_unchecked(call: &HookCall, scratch: BorrowedFd<'_>) -> Result<Harvest, HandingOver> {
    let targets =
        [(Purpose::Output, call.output.as_deref()), (Purpose::Control, Some(&*call.control))];
    for (purpose, target) in targets {
        if let Some(target) = target {
            copy_unchecked(staging(scratch, purpose)?.as_fd(), target)
                .at(Step::Harvest)
                .map_err(LaunchError::from)?;
        }
    }
    Ok(Harvest::default())
}

/// The staging directory of that purpose, as a descriptor.
fn staging(scratch: BorrowedFd<'_>, purpose: Purpose) -> Result<OwnedFd, LaunchError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(scratch, purpose.name(), flags, Mode::empty()).at(Step::Harvest)?)
}
