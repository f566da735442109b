//! The `harness` program.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use harness::cli::{self, Conductor, Prepare, Wishes, World};
use harness::conduct::{RunContext, RunContextError, conduct, conduct_before};
use harness::frontend::python::Python;
use harness::frontend::{Frontend, FrontendError};
use harness::lab::container::{self, Ended};
use harness::lab::host_tree::HostTree;
use harness::lab::keeper::Keeper;
use harness::lab::{self, at_step, groups};
use harness::runner::interrupt;
use sandbox::plain::{Colour, plural};
use sandbox::sys::descriptors::close_on_exec_from;
use sandbox::sys::signals;

/// The status when the program itself is at fault.
const BROKEN: u8 = 70;
/// How many times as long a trial has on a machine that is said to be busy.
const SLOW: u32 = 4;
/// The status when somebody has killed the harness in the container.
const KILLED: u8 = 137;
/// The status when the user stopped it.
const INTERRUPTED: u8 = 130;
/// The status when this machine cannot hold labs.
const UNABLE: u8 = 20;
/// The status when something on the host is not as before.
const CONTAMINATED: u8 = 22;

fn main() -> ExitCode {
    // This program also plays `bulkhead`, the lab's first process and the victims.
    if let Some(code) = lab::played() {
        return code;
    }
    // Who ignores the end of its children hands that on, and nobody could be waited for.
    if let Err(error) = signals::take() {
        return broken("signals cannot be taken", &error);
    }
    // What our caller left open is neither ours to hand on nor a lab's to find.
    if let Err(error) = close_on_exec_from(3) {
        return broken("open descriptors cannot be kept back", &error);
    }
    let (args, host) = match container::contained(env::args_os().collect()) {
        Ok(contained) => contained,
        Err(error) => return broken("signals cannot be let through", &error),
    };
    Colour::asked(args.iter().cloned()).choose();
    let host = match host {
        Some(host) => Ok(Arc::new(host)),
        // Labs are opened in a container only, and a command that needs none goes on here.
        None => match contained(&args) {
            Ok(code) => return ExitCode::from(code),
            Err(why) => Err(why),
        },
    };
    if let Err(error) = interrupt::watch() {
        // A process that could not come back from the container's processes can start no thread.
        return match &host {
            Ok(_) => broken("signals cannot be watched", &error),
            Err(why) => {
                let _unread = writeln!(io::stderr(), "harness: {why}");
                ExitCode::from(UNABLE)
            }
        };
    }
    let prepare = move |wishes: &Wishes| match &host {
        Ok(host) => prepare(wishes, host),
        Err(why) => Err(why.to_string().into()),
    };
    let (mut out, mut err) = (anstream::stdout(), anstream::stderr());
    ExitCode::from(cli::start(args, &mut world(&prepare, &mut out, &mut err)))
}

/// Why a command is not in the container that holds all labs.
#[derive(Debug, thiserror::Error)]
enum Outside {
    #[error("this command opens no lab")]
    NoLabs,
    #[error(transparent)]
    Unable(#[from] RunContextError),
    #[error(transparent)]
    Frontend(#[from] FrontendError),
}

/// Runs a command that opens labs in a container: its status.
fn contained(args: &[OsString]) -> Result<u8, Outside> {
    let nobody = |_: &Wishes| Err(Outside::NoLabs.into());
    let (mut out, mut err) = (anstream::stdout(), anstream::stderr());
    let mut world = world(&nobody, &mut out, &mut err);
    let needs = match cli::needs(args, &mut world) {
        Ok(Some(needs)) => needs,
        Ok(None) => return Err(Outside::NoLabs),
        Err(code) => return Ok(code),
    };
    let here = world.here;
    if !rustix::process::geteuid().is_root() {
        return Err(RunContextError::NotRoot.into());
    }
    // In there nothing can be fetched.
    Frontend::find(&Python::ask(needs.python.as_deref())?)?;
    // It outlives whoever is killed from here on, and removes what was made for nothing.
    let keeper = Keeper::post(Path::new("/proc/self/exe"), &needs.missing);
    let keeper = at_step("the process that outlives the harness", keeper);
    let keeper = keeper.map_err(RunContextError::from)?;
    if let Err(error) = needs.make() {
        let _unread =
            writeln!(io::stderr(), "harness: the folder of results cannot be made: {error}");
        return Ok(UNABLE);
    }
    let ended = container::supervise(args, &here, &needs.folders, &keeper);
    match ended.map_err(RunContextError::from)? {
        Ended::With(code) => {
            if code == KILLED {
                let _unread = writeln!(io::stderr(), "harness: the run was killed");
            }
            Ok(code)
        }
        Ended::Killed => {
            let _unread = writeln!(io::stderr(), "harness: interrupted, and everything was killed");
            Ok(INTERRUPTED)
        }
        Ended::Never(first) => {
            let _unread = writeln!(
                io::stderr(),
                "harness: everything in the container of the labs was killed, and its first process, {first}, \
                 does not end: see what holds it up (/proc/PID/wchan, a frozen control group)"
            );
            Ok(CONTAMINATED)
        }
    }
}

/// Says what is wrong with this process itself.
fn broken(what: &str, error: &dyn Error) -> ExitCode {
    let _unread = writeln!(io::stderr(), "harness: {what}: {error}");
    ExitCode::from(BROKEN)
}

/// What this process has of the world, with its standard output and its standard error.
fn world<'a>(
    prepare: &'a Prepare,
    out: &'a mut (dyn Write + Send),
    err: &'a mut (dyn Write + Send),
) -> World<'a> {
    World {
        here: env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        home: env::home_dir(),
        require_isolation: env::var_os("REQUIRE_ISOLATION").is_some_and(|value| value == "1"),
        live: io::stderr().is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb"),
        out,
        err,
        stop: interrupt::flag(),
        prepare,
    }
}

fn prepare(
    wishes: &Wishes,
    host: &Arc<HostTree>,
) -> Result<Conductor, Box<dyn Error + Send + Sync>> {
    let context = RunContext::prepare(wishes.python.as_deref(), None, Arc::clone(host))?;
    let context = Arc::new(context);
    context.measure(wishes.slots)?;
    if wishes.slow {
        context.slow_down(SLOW);
    }
    let limits = if groups::are_lent() {
        "control groups"
    } else {
        let _ = writeln!(
            io::stderr(),
            "harness: no control groups are lent here: each process of a lab is bounded in memory, \
             and all of them together are not"
        );
        "resource limits"
    };
    if !groups::bound_devices(host.owner()) {
        let _ = writeln!(
            io::stderr(),
            "harness: no control group bounds devices here: root of a lab can open any device of this \
             machine"
        );
    }
    if let Some(first) = context.left_out.first() {
        let _ = writeln!(
            io::stderr(),
            "harness: {} of this machine, as {}, {} not shown in labs, which show no more",
            plural(context.left_out.len(), "mount"),
            first.display(),
            if context.left_out.len() == 1 { "is" } else { "are" }
        );
    }
    let facts = BTreeMap::from([
        ("limits".to_owned(), limits.to_owned()),
        ("python".to_owned(), context.python.version.clone()),
        ("interpreter".to_owned(), context.python.program.display().to_string()),
    ]);
    let (same, asked) = (Arc::clone(&context), Arc::clone(&context));
    Ok(Conductor {
        conduct: Box::new(move |trial, slot| conduct(trial, &context, slot)),
        look_on: Box::new(move |trial, observer| conduct_before(trial, &same, 0, observer)),
        unmet: Box::new(move |trial| asked.unmet(trial)),
        facts,
    })
}
