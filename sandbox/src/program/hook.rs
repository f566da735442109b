//! `bulkhead hook`: one call of a build back end's hook, isolated.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::attempt;
use super::demand::Demand;
use super::error::Failure;
use super::options::{Demanded, Options};
use super::report::Report;
use super::settle::note_names;
use super::why::Telling;
use crate::ending::{Call, Fact, Phase};
use crate::harvest::{
    ANSWER, Collected, Destination, Expected, Harvest, Limits, Origin, Refused, Returning, Wishes,
    collect, copy_unchecked, read_return, return_control_file,
};
use crate::launch::{Beginning, Finished, LaunchError};
use crate::outcome::Outcome;
use crate::payload::{Payload, Purpose};
use crate::pep517::{HookCall, HookError, HookKind, PYTHONPATH, overlay};
use crate::plain::say;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::policy::artefacts::{Artefacts, BuildTag};
use crate::policy::environment::{Pattern, Ruling};
use crate::policy::package::{Package, Version};
use crate::step::{At, Fault, Step};
use crate::tools::{self, Lookup};
use crate::words::Layer;

pub(super) const EXAMPLES: &str = "\
Example, in Python:
  def runner(cmd, cwd=None, extra_environ=None):
      env = {**os.environ, **(extra_environ or {})}
      subprocess.run(['bulkhead', 'hook', '--expect', 'pkg==1.0', '--', *cmd], cwd=cwd, env=env,
                     check=True)
  pyproject_hooks.BuildBackendHookCaller(source, backend, runner=runner)";

/// The arguments of `hook`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Let the hook write to the source tree itself, as `build_editable` must
    #[arg(long)]
    in_place: bool,
    /// What is built: any other name, version or build tag is refused, and what had its name before
    /// is replaced
    #[arg(long, value_name = "NAME[==VERSION]")]
    expect: Option<Package>,
    /// The build tag that a wheel may have, beside `--expect`
    #[arg(long, value_name = "TAG", requires = "expect")]
    build_tag: Option<BuildTag>,
    /// Replace whatever had the name before, also without `--expect`
    #[arg(long)]
    replace: bool,
    /// Refuse wheels that act on whoever installs them: by code that runs at every start of the
    /// interpreter, or in the place of a program
    #[arg(long)]
    strict_artefacts: bool,
    /// Hand over archives in which two names are one on file systems without case
    #[arg(long)]
    allow_twins: bool,
    /// `PYTHON …/_in_process.py HOOK CONTROL_DIR`
    #[arg(last = true, required = true, value_name = "CALL")]
    argv: Vec<OsString>,
}

impl Arguments {
    /// What is wished of what the hook hands over, where `file` is what the policy file says.
    fn wishes(&self, file: Artefacts) -> Result<Wishes, Failure> {
        let given = |switch: bool| switch.then_some(true);
        let wished = file.narrowed(Artefacts {
            expect: self.expect.clone(),
            build_tag: self.build_tag.clone(),
            strict: given(self.strict_artefacts),
            replace: given(self.replace),
            twins: given(self.allow_twins),
        });
        let build = wished.build_tag.as_ref().map(BuildTag::as_str);
        if let (Some(tag), None) = (build, &wished.expect) {
            return Err(Failure::Usage(format!(
                "the policy file allows the build tag {tag:?} of a release that it does not name; add \
                 `expect = \"NAME==VERSION\"` there, or `--expect NAME==VERSION`"
            )));
        }
        let expected = wished.expect.as_ref().map(|Package { name, version }| {
            let none = || format!("`--expect` asks for a release that is none: {name:?}");
            let version = version.as_ref().map(Version::as_str);
            Expected::new(name, version, build).ok_or_else(|| Failure::Usage(none()))
        });
        Ok(Wishes {
            expected: expected.transpose()?,
            strict: wished.strict.unwrap_or_default(),
            replace: wished.replace.unwrap_or_default(),
            twins: wished.twins.unwrap_or_default(),
            origin: Origin::here(),
        })
    }
}

/// Runs the hook, hands over what it made, and gives its exit status.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let beginning = Beginning::now();
    let directory = std::env::current_dir().map_err(Failure::Directory)?;
    let mut suspects = arguments.options.suspects(&directory)?;
    let call = HookCall::parse(&arguments.argv, &directory, &suspects).map_err(Failure::from);
    suspects.extend(call.iter().flat_map(HookCall::trees).map(|tree| tree.path));
    let mut report = Report::open(&arguments.options, &suspects)?;
    let launched =
        call.and_then(|call| launch(arguments, &beginning, (directory, &suspects), call));
    let Launched { plan, mut finished, call, wishes, payload } = match launched {
        Ok(launched) => launched,
        Err(failure) => return Err(report.not_started(failure)),
    };
    let telling = arguments.options.telling(&payload);
    // Without a file system of its own the hook wrote to where the front end reads.
    if finished.outcome.end.is_success() && finished.scratch().is_some() {
        if plan.has(Layer::Harvest) {
            hand_over(&plan, &call, &mut finished, &wishes, (&mut report, telling));
        } else if let Err(error) = hand_over_unchecked(&call, &mut finished)
            && !finished.is_over_in(Phase::Inspecting)
        {
            finished.note(Phase::Inspecting, error.fact());
        }
    }
    Ok(report.conclude(Call::Hook, &plan, finished, telling))
}

/// Takes out what the hook made, clears away what it had, and hands over what was taken out: last, for
/// until then whoever called may end the call, and then finds nothing.
fn hand_over(
    plan: &Plan,
    call: &HookCall,
    finished: &mut Finished,
    wishes: &Wishes,
    (report, telling): (&mut Report, Telling<'_>),
) {
    let opened = call.open_output().and_then(|output| Ok((output, call.open_control()?)));
    let (output, control) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            return finished.note(Phase::Inspecting, HandingOver::from(error).fact());
        }
    };
    let output =
        output.as_ref().map(|output| Destination { directory: output.as_fd(), owner: None });
    let control = Destination { directory: control.as_fd(), owner: None };
    let taken = take_out(plan, call, finished, (output, control), wishes);
    if let Err(error) = finished.clear_away() {
        say(format_args!("the command has run, but: {error}"));
    }
    if finished.is_over_in(Phase::Inspecting) {
        return;
    }
    let outcome = finished.outcome.clone();
    let found = telling.findings(plan, finished.trace.as_ref(), &outcome);
    let handed = taken.and_then(|(collected, returning)| {
        call.is_in_place()?;
        let product = collected.as_ref().and_then(Collected::name);
        let product = output.as_ref().map(|output| output.directory).zip(product);
        let answer = (control.directory, OsStr::new(ANSWER));
        report.secure(&product.into_iter().chain([answer]).collect::<Vec<_>>())?;
        let tell = |harvest: &Harvest| {
            let outcome = Outcome { harvest: harvest.clone(), ..outcome };
            report.put_first(plan, &outcome, found.as_deref())?;
            Ok::<_, HandingOver>(returning.publish()?)
        };
        match collected {
            Some(collected) => collected.publish(tell),
            None => tell(&Harvest::default()).map(|()| Harvest::default()),
        }
    });
    match handed {
        Ok(harvest) => finished.outcome.harvest = harvest,
        Err(error) => finished.note(Phase::Inspecting, error.fact()),
    }
}

/// A call that has run.
struct Launched {
    plan: Plan,
    finished: Finished,
    call: HookCall,
    wishes: Wishes,
    payload: Payload,
}

/// Launches the call and waits for its end.
fn launch(
    arguments: &Arguments,
    beginning: &Beginning,
    (directory, suspects): (PathBuf, &[PathBuf]),
    call: HookCall,
) -> Result<Launched, Failure> {
    let mut demanded = arguments.options.demanded(suspects, arguments.expect.as_ref())?;
    let wishes = arguments.wishes(demanded.artefacts.clone())?;
    if !demanded.policy.layers.has(Layer::Harvest) && (wishes.expected.is_some() || wishes.strict) {
        return Err(Failure::Usage(
            "`--expect` and `--strict-artefacts` are held by the layer `harvest`, which is off \
             here; leave them out, or choose the level `full`"
                .to_owned(),
        ));
    }
    // What a hook returns is for the front end that called it, and for nobody else.
    demanded.policy.ends_with_caller = true;
    if call.hook == HookKind::BuildEditable && !arguments.in_place {
        return Err(Failure::Usage(
            "an editable wheel points at the source tree, so `build_editable` must be allowed to \
             write to it; add `--in-place`"
                .to_owned(),
        ));
    }
    let mut demand = demand(&call, arguments, demanded, directory)?;
    python_path(&mut demand.policy, &mut demand.payload);
    let started = |plan: &Plan| demand.tell_unseen(plan);
    let client = attempt::client(beginning, &demand, &started)?;
    let Demand { policy, program, payload, .. } = &demand;
    let (plan, finished) = attempt::run(policy, program, payload, &client)?;
    Ok(Launched { plan, finished, call, wishes, payload: demand.payload })
}

/// What a call demands: the hook's script in the interpreter, with the directories of PEP 517.
fn demand(
    call: &HookCall,
    arguments: &Arguments,
    demanded: Demanded,
    directory: PathBuf,
) -> Result<Demand, Failure> {
    let environment = std::env::vars_os().collect();
    let mut payload = Payload::command(arguments.argv.clone(), directory, environment)?;
    payload.needs.push(call.script.clone());
    payload.trees.extend(call.trees());
    payload.links.extend(call.names());
    if arguments.in_place {
        payload.trees.retain(|tree| tree.purpose != Purpose::Source);
        payload.grant_named(call.source.clone(), true)?;
    }
    arguments.options.grant(&demanded, &mut payload)?;
    let lookup = Lookup::of(&payload);
    let interpreter = tools::of_interpreter(&mut payload, Path::new(&call.python), &lookup)?;
    grant_script(&mut payload, &call.script);
    let mut withheld = interpreter.found.withheld;
    withheld.extend(tools::search(&mut payload, &demanded.policy.environment, &lookup));
    note_names(&mut payload, &["PWD", "_PYPROJECT_HOOKS_BACKEND_PATH", "PEP517_BACKEND_PATH"]);
    let (policy, program) = (demanded.policy, interpreter.executable);
    let (quiet, why) = (arguments.options.quiet, arguments.options.why.is_some());
    Ok(Demand { policy, program, payload, withheld, quiet, why })
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
        say(format_args!(
            "PYTHONPATH is not passed on, so the hook does not find what it names; to pass it on, \
             add `--env {PYTHONPATH}` and `--ro` for each of its directories"
        ));
    } else if held {
        policy.environment.keep.extend(PYTHONPATH.parse::<Pattern>());
    }
    for part in parts {
        payload.grant(part);
    }
}

/// Grants the script. An installer may have linked it into its cache, under the same name; a link to
/// a file of another name is anybody's, and is not what was called.
fn grant_script(payload: &mut Payload, script: &Path) {
    let real = script.canonicalize().ok().filter(|real| real.file_name() == script.file_name());
    if let Some(real) = real {
        payload.links.extend((real != script).then(|| (script.to_owned(), real.clone())));
        payload.grant(real);
    }
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
    /// What happened to a build that has run, and of whose outputs nothing is to be used.
    fn fact(self) -> Fact {
        let sentence = self.to_string();
        let (file, why) = match self {
            Self::Refused(Refused { file, why }) => (file, why.to_string()),
            Self::Failed(failure) => match failure.unwritten() {
                Some(Fact::Unwritten { file, why, .. }) => (file, why),
                _ => (".".to_owned(), failure.to_string()),
            },
        };
        Fact::Refused { file, why, sentence }
    }
}

impl From<Refused> for HandingOver {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Failure> for HandingOver {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
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

/// What was taken out: the product, where there is to be one, and the answer that names it.
type Taken<'a> = (Option<Collected<'a>>, Returning<'a>);

/// Copies what the hook made, now that no process is left that could change it, as far as its
/// inspector finds nothing wrong with it.
fn take_out<'a>(
    plan: &Plan,
    call: &HookCall,
    finished: &mut Finished,
    (output, control): (Option<Destination<'a>>, Destination<'a>),
    wishes: &Wishes,
) -> Result<Taken<'a>, HandingOver> {
    let mut limits = Limits::default();
    if let Some(bounds) = &plan.limits {
        limits.artefact_bytes = bounds.output.unwrap_or(u64::MAX);
    }
    let scratch = finished.scratch().ok_or(Fault::new(Step::Harvest, Errno::NOENT));
    let scratch = scratch.map_err(LaunchError::from)?;
    let answered = staging(scratch, Purpose::Control)?;
    let staged = output.map(|output| Ok((output, staging(scratch, Purpose::Output)?)));
    let staged = staged.transpose().map_err(|error: LaunchError| HandingOver::from(error))?;
    let mut inspector = finished.inspector(plan)?;
    let returned = read_return(answered.as_fd(), call.hook, &limits, &mut inspector)?;
    let returned = returned.expecting(wishes.expected.as_ref())?;
    let collected = staged.map(|(destination, staged)| {
        let rules = (&limits, wishes);
        collect(&returned, staged.as_fd(), &destination, rules, &mut inspector)
    });
    Ok((collected.transpose()?, return_control_file(&returned, &control)?))
}

/// The same without the layer `harvest`: everything as it is, which is what front ends do.
fn hand_over_unchecked(call: &HookCall, finished: &mut Finished) -> Result<(), HandingOver> {
    let targets =
        [(Purpose::Output, call.open_output()?), (Purpose::Control, Some(call.open_control()?))];
    for (purpose, target) in targets {
        if let (Some(target), Some(scratch)) = (target, finished.scratch()) {
            let staged = staging(scratch, purpose)?;
            copy_unchecked(staged.as_fd(), target.as_fd(), &mut || finished.goes_on())
                .at(Step::Harvest)
                .map_err(LaunchError::from)?;
        }
    }
    Ok(())
}

/// The staging directory of that purpose, as a descriptor.
fn staging(scratch: BorrowedFd<'_>, purpose: Purpose) -> Result<OwnedFd, LaunchError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(scratch, purpose.name(), flags, Mode::empty()).at(Step::Harvest)?)
}
