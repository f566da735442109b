//! Launching from any program, also one with threads: it starts `bulkhead`, which has one, and hands
//! it the payload over a socket.
//!
//! The sandbox goes on with a copy of the process that launches it. In a copy of a program with
//! threads only one of them goes on, and a lock that another one held stays locked for ever
//! (`fork(2)`). So the launch is left to a fresh process.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::outcome::Outcome;
use crate::payload::Payload;
use crate::policy::Policy;
use crate::step::Step;
use crate::wire::{Answer, Channel, Started, read_answer, request_json};

/// The name under which a program that can also be `bulkhead` knows that it is to be.
const NAME: &str = "bulkhead";

/// The hidden command of `bulkhead` that reads a request from the socket at its standard input.
const COMMAND: &str = "launch";

/// Launches payloads by starting the program `bulkhead` for each.
///
/// It holds nothing but a path, and may be used by any number of threads at once.
///
/// ```no_run
/// use sandbox::{End, Launcher, Level, Payload, Policy, Standard};
///
/// let argv = vec!["python3".into(), "setup.py".into(), "--version".into()];
/// let payload = Payload::command(argv, "/src/pkg-1.0".into(), std::env::vars_os().collect())?;
/// let launcher = Launcher::new("/usr/bin/bulkhead");
/// let running = launcher.launch(&Policy::preset(Level::Full), &payload, Standard::inherited())?;
/// let ended = running.finish()?;
/// assert_eq!(ended.outcome.end, End::Exited(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    program: PathBuf,
}

/// Where the standard streams of a payload come from and go to.
///
/// What a payload prints is counted, freed of what terminals obey and handed on as it comes; it
/// never gets these descriptors themselves.
#[derive(Debug)]
pub struct Standard {
    /// What it reads from; `/dev/null` when not given.
    pub input: Option<OwnedFd>,
    /// Where what it prints goes to.
    pub output: Stdio,
    /// Where its errors go to.
    pub error: Stdio,
}

/// Why nothing was run, or nothing is known of how it ended.
#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    /// The program cannot be started.
    #[error("could not start {}: {source}", .program.display())]
    Program {
        /// Its path.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The socket to it broke.
    #[error("could not talk to bulkhead: {0}")]
    Channel(#[from] io::Error),
    /// The demands cannot be written down.
    #[error("the request cannot be written: {0}")]
    Request(#[from] serde_json::Error),
    /// The payload was not started. Nothing is left of the attempt.
    #[error("{cause}")]
    NotRun {
        /// The step of the launch that failed; none where the demand was refused before.
        step: Option<Step>,
        /// Why, in one sentence, with what would help.
        cause: String,
        /// The status that the program `bulkhead` would exit with: 125, or 127 for a command that
        /// is not to be found.
        status: u8,
    },
    /// The program ended without an answer: it was killed, or is another program. The build has
    /// ended with it.
    #[error("bulkhead ended without an answer: {status}")]
    Lost {
        /// How it ended.
        status: ExitStatus,
    },
}

/// A payload that runs, every layer of its sandbox having been seen.
///
/// Dropping it ends the build at once, every process of it, and waits until what it had is cleared
/// away. The death of this program ends it as well, in whatever way it dies; the end of the thread
/// that launched does not.
#[derive(Debug)]
pub struct Running {
    child: Child,
    channel: Channel,
    started: Started,
    reaped: bool,
}

/// A payload that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it ended, what it took, and the layers that were read back from the kernel.
    pub outcome: Outcome,
    /// How the guarantees were held, and what of them only partly.
    pub started: Started,
}

impl Launcher {
    /// Launches by the program at `program`: `bulkhead`, or any program whose `main` hands over to
    /// [`crate::program::main`] when it is started under that name.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// Launches `payload` under `policy`, and returns when it runs.
    ///
    /// The host is looked at and the plan made by the started program, because that takes a process
    /// with one thread too. The payload finds what its grants name: unlike `bulkhead run` nothing
    /// is granted that the caller has not, see `docs/grants.md`.
    ///
    /// # Errors
    /// The program cannot be started or is another one, or nothing was run: the demand was refused,
    /// or a step of the launch failed.
    pub fn launch(
        &self,
        policy: &Policy,
        payload: &Payload,
        standard: Standard,
    ) -> Result<Running, LauncherError> {
        let request = request_json(policy, payload)?;
        let (channel, theirs) = Channel::pair()?;
        let Standard { input, output, error } = standard;
        let child = {
            // Both ends close with an exec (`SOCK_CLOEXEC`), so that no other process that this
            // program starts meanwhile holds one; as its standard input the child keeps the one.
            let mut command = Command::new(&self.program);
            command.arg0(NAME).arg(COMMAND).stdin(OwnedFd::from(theirs));
            command.stdout(output).stderr(error);
            let program = || self.program.clone();
            command
                .spawn()
                .map_err(|source| LauncherError::Program { program: program(), source })?
            // With the command our copy of its end goes: the end of the child must be seen.
        };
        let started = Started::default();
        let mut running = Running { child, channel, started, reaped: false };
        // A program that has died already is noticed by its silence.
        let _ = running.channel.send(&request, input.as_ref().map(AsFd::as_fd));
        drop(input);
        match running.listen()? {
            Answer::Started(started) => running.started = started,
            Answer::NotStarted { step, cause, status } => {
                running.reap()?;
                return Err(LauncherError::NotRun { step, cause, status });
            }
            Answer::Ended(_) => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
        Ok(running)
    }
}

impl Standard {
    /// Nothing to read, and the caller's own output and error.
    #[must_use]
    pub fn inherited() -> Self {
        Self { input: None, output: Stdio::inherit(), error: Stdio::inherit() }
    }

    /// Nothing to read, and pipes for output and error: see [`Running::take_output`].
    #[must_use]
    pub fn piped() -> Self {
        Self { input: None, output: Stdio::piped(), error: Stdio::piped() }
    }

    /// Nothing to read, and nobody who listens.
    #[must_use]
    pub fn discarded() -> Self {
        Self { input: None, output: Stdio::null(), error: Stdio::null() }
    }

    /// The same, with `input` to read from. The payload's [`Payload::stdin`] must say that it
    /// inherits, or it has `/dev/null` all the same.
    #[must_use]
    pub fn with_input(self, input: OwnedFd) -> Self {
        Self { input: Some(input), ..self }
    }
}

impl Running {
    /// The number of the process that watches over the build, of which it is a descendant.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the guarantees are held, and what of them only partly.
    #[must_use]
    pub const fn started(&self) -> &Started {
        &self.started
    }

    /// The pipe of the payload's output, once, if [`Standard`] asked for one. It is to be read while
    /// the build runs: a payload that prints more than a pipe holds (`pipe(7)`) waits.
    pub fn take_output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The same for its errors, and for what `bulkhead` itself has to say.
    pub fn take_error(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Asks the payload to end, with SIGTERM. It may ignore that.
    ///
    /// # Errors
    /// Those of `kill(2)`.
    pub fn terminate(&self) -> io::Result<()> {
        // The number is not another process's, for this one has not been waited for.
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Ends the build at once, every process of it, as SIGKILL does. [`Self::finish`] tells when
    /// nothing of it is left.
    pub fn kill(&self) {
        self.channel.end();
    }

    /// Waits until every process of the build has ended and what it had is cleared away. What it
    /// still prints into pipes that were not taken is read and thrown away.
    ///
    /// # Errors
    /// The program that watched over it did not tell; the build has ended all the same.
    pub fn finish(mut self) -> Result<Ended, LauncherError> {
        let (output, error) = (self.take_output(), self.take_error());
        let answer = std::thread::scope(|scope| {
            scope.spawn(|| output.map(|mut pipe| io::copy(&mut pipe, &mut io::sink())));
            scope.spawn(|| error.map(|mut pipe| io::copy(&mut pipe, &mut io::sink())));
            self.listen()
        });
        match answer? {
            Answer::Ended(outcome) => {
                self.reap()?;
                Ok(Ended { outcome, started: self.started.clone() })
            }
            _ => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        }
    }

    /// The next answer; an error when there is none any more.
    fn listen(&mut self) -> Result<Answer, LauncherError> {
        match self.channel.receive()? {
            Some((document, _)) => read_answer(&document)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData).into()),
            None => Err(LauncherError::Lost { status: self.reap()? }),
        }
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.reaped |= status.is_ok();
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.channel.end();
            // Nobody reads any more, so nothing that is still printed may be waited for.
            drop((self.take_output(), self.take_error()));
            let _ = self.reap();
        }
    }
}
