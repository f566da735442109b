//! The front end: the real `pyproject_hooks`, found or fetched once, driven in the lab.
#![forbid(unsafe_code)]

pub mod events;
pub mod finding;
pub mod python;

use std::path::PathBuf;

use serde_json::json;

use crate::catalogue::attack::{Attack, Hook, Lent, PlantKind, Second};
use crate::catalogue::spelling::Spelt as _;
use crate::lab::layout::{
    FRONTEND, Interpreter, OUTPUT, PATH, SECOND_OUTPUT, SECOND_SOURCE, SOURCE, WORK,
};
use crate::lab::pace::Pace;
use crate::lab::plants::Planted;
use crate::lab::wire::Command;

/// The driver that calls the hooks.
const DRIVER: &str = include_str!("frontend/driver.py");
/// What it does beside that.
const STEPS: &str = include_str!("frontend/steps.py");
/// Where it finds what to do.
const SPEC: &str = "spec.json";

/// `pyproject_hooks`, read once, written into every lab.
#[derive(Clone, Debug)]
pub struct Frontend {
    /// Its version.
    pub version: String,
    /// Where it was found: one of the places of the search.
    pub origin: &'static str,
    /// Its files, relative to the front end's directory.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

/// Why there is no front end.
#[derive(Debug, thiserror::Error)]
pub enum FrontendError {
    /// There is no interpreter.
    #[error("{program} cannot be used as Python interpreter: {reason}; name one with --python")]
    Python {
        /// What was tried.
        program: String,
        /// Why not.
        reason: String,
    },
    /// `pyproject_hooks` is nowhere.
    #[error(
        "pyproject_hooks is neither in {python} nor in {cache}, and could not be fetched by its pip \
         ({reason}); install pip or pyproject_hooks for it (on Debian the package python3-pip or \
         python3-pyproject-hooks), or name another interpreter with --python"
    )]
    NoHooks {
        /// The interpreter.
        python: PathBuf,
        /// The cache directory.
        cache: PathBuf,
        /// What pip said.
        reason: String,
    },
    /// It is there, but cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Hook names, as PEP 517 and PEP 660 spell them.
#[must_use]
pub const fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::GetRequiresForBuildWheel => "get_requires_for_build_wheel",
        Hook::GetRequiresForBuildSdist => "get_requires_for_build_sdist",
        Hook::GetRequiresForBuildEditable => "get_requires_for_build_editable",
        Hook::PrepareMetadataForBuildWheel => "prepare_metadata_for_build_wheel",
        Hook::PrepareMetadataForBuildEditable => "prepare_metadata_for_build_editable",
        Hook::BuildWheel => "build_wheel",
        Hook::BuildSdist => "build_sdist",
        Hook::BuildEditable => "build_editable",
    }
}

/// The files of the front end for one trial: the package, the driver, and what it has to do with
/// `prefix` in front of every hook.
#[must_use]
pub fn files(
    frontend: &Frontend,
    attack: &Attack,
    prefix: &[String],
    interpreter: &Interpreter,
    planted: &Planted,
    pace: Pace,
) -> Vec<(PathBuf, Vec<u8>)> {
    let hooks: Vec<_> = attack.run.hooks.iter().map(|hook| hook_name(*hook)).collect();
    let trial = json!({
        "name": "trial", "source": SOURCE, "output": OUTPUT, "hooks": hooks, "beside": false,
        "backend": "backend", "backend_path": [".", "_lab"],
        "steps": attack.run.steps.iter().map(|step| step.spelt()).collect::<Vec<_>>(),
    });
    let honest = json!({
        "name": "second", "source": SECOND_SOURCE, "output": SECOND_OUTPUT,
        "hooks": ["build_wheel"], "beside": attack.run.second == Some(Second::Beside),
        "backend": "backend", "backend_path": [".", "_lab"],
    });
    let builds = match attack.run.second {
        None => vec![trial],
        Some(Second::Before | Second::Beside) => vec![honest, trial],
        Some(Second::After) => vec![trial, honest],
    };
    let spec = json!({
        "prefix": prefix,
        "terminal": attack.run.terminal,
        "python": interpreter.program,
        "inherit": inherited(attack, planted),
        "pace": pace.factor(),
        "traceable": attack.run.lends.contains(&Lent::Tracing),
        "builds": builds,
    });
    let mut files = frontend.files.clone();
    files.push((PathBuf::from("driver.py"), DRIVER.into()));
    files.push((PathBuf::from("steps.py"), STEPS.into()));
    files.push((PathBuf::from(SPEC), spec.to_string().into()));
    files
}

/// What the front end holds open while it starts the build.
fn inherited(attack: &Attack, planted: &Planted) -> Vec<serde_json::Value> {
    let wanted = attack.plants.iter().filter(|plant| attack.run.inherit.contains(&plant.id));
    wanted
        .filter_map(|plant| {
            let mut fact = planted.facts.get(&plant.id)?.clone();
            let kind = match plant.kind {
                PlantKind::TcpListener | PlantKind::Tcp6Listener | PlantKind::LoopbackListener => {
                    "tcp"
                }
                PlantKind::UnixListener { .. } => "unix",
                PlantKind::AbstractListener => "abstract",
                _ => "path",
            };
            fact.as_object_mut()?.insert("kind".to_owned(), kind.into());
            Some(fact)
        })
        .collect()
}

/// The front end's command line and its fixed environment; nothing of the harness's own is in it.
#[must_use]
pub fn command(interpreter: &Interpreter, planted: &Planted) -> Command {
    let mut env: Vec<(String, String)> =
        [("PATH", PATH), ("HOME", interpreter.home), ("LANG", "C.UTF-8")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
    env.extend(planted.variables.iter().cloned());
    Command {
        // Isolated, without site directories: a build may have planted something there before.
        argv: vec![
            interpreter.program.to_string_lossy().into_owned(),
            "-I".to_owned(),
            "-S".to_owned(),
            "-B".to_owned(),
            format!("{FRONTEND}/driver.py"),
            format!("{FRONTEND}/{SPEC}"),
        ],
        env,
        cwd: WORK.to_owned(),
        caller: (0, 0),
    }
}
