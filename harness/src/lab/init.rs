//! The lab's first process: enters the lab, starts what lives in it, reaps, and ends it.
#![forbid(unsafe_code)]

use std::io::{self, BufRead as _, Write as _};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::FdFlags;
use rustix::mount::MountAttrFlags;
use sandbox::sys::descriptors::close_between;

use super::layout::BULKHEAD;
use super::mounts::{INERT, detached};
use super::profile::Profile;
use super::refusals::withheld::Borrowed;
use super::victim::ROLE;
use super::wire::{
    Command as Orders, LabCommand, LabEvent, Living, Spec, Victim, peek, receive, send,
};
use super::{engine, groups, inside, terminal, users};

/// The argument by which the program knows that it is the first process of a lab that it has entered.
pub(super) const INSIDE: &str = "__lab-inside";

/// Plays the lab's init until it is in the lab, and becomes the lab's copy of this program there: of the
/// libraries of the host it keeps nothing, and nothing that a process of the lab could ask it for.
#[must_use]
pub fn play() -> ExitCode {
    // What somebody forgot to keep back would be in every process of the lab.
    if close_between(3, RawFd::MAX).is_err() {
        return ExitCode::FAILURE;
    }
    told(|socket| {
        // The same words are there for the program that it becomes.
        let Some((spec, descriptors)) = peek::<Spec>(socket)? else { return Ok(()) };
        // A second tether beside the socket: should a build stop us, the thread's end still ends us.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        let given = Given::of(&spec, descriptors)?;
        // Before the namespace of groups: its root is where we are then.
        for join in &given.joins {
            rustix::io::write(join, b"0")?;
        }
        inside::enter(&spec, &given.mounts, &given.shown)?;
        let mut copy = Command::new(BULKHEAD);
        // By its name it would play `bulkhead`. The null device is the lab's, too.
        copy.arg0("lab").arg(INSIDE).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        Err(copy.exec())
    })
}

/// Plays the lab's init from then on. It ends, and with it by the kernel's hand every process of the lab,
/// when the harness closes the other end of the socket on standard input, by will or by death.
#[must_use]
pub fn play_inside() -> ExitCode {
    if close_between(3, RawFd::MAX).is_err() {
        return ExitCode::FAILURE;
    }
    told(run_init)
}

/// Does it with the socket, and tells the harness if it fails.
fn told(work: impl FnOnce(&OwnedFd) -> io::Result<()>) -> ExitCode {
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    match work(&socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be left to hear it; then there is nothing to say either.
            let _unheard = send(&socket, &LabEvent::Failed(error.to_string()), &[]);
            ExitCode::FAILURE
        }
    }
}

/// What comes with the description of a lab, in this order.
struct Given {
    streams: [OwnedFd; 3],
    joins: Vec<OwnedFd>,
    mounts: Vec<OwnedFd>,
    shown: Vec<OwnedFd>,
    users: Option<OwnedFd>,
}

impl Given {
    fn of(spec: &Spec, descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mut descriptors = descriptors.into_iter();
        let streams = [descriptors.next(), descriptors.next(), descriptors.next()];
        let [Some(out), Some(err), Some(events)] = streams else {
            return Err(io::Error::other("the lab got fewer descriptors than it needs"));
        };
        Ok(Self {
            streams: [out, err, events],
            joins: descriptors.by_ref().take(spec.joins).collect(),
            mounts: descriptors.by_ref().take(spec.mounts.len()).collect(),
            shown: descriptors.by_ref().take(spec.shown.len()).collect(),
            users: descriptors.next(),
        })
    }
}

/// Everything that the init keeps while the lab lives.
struct LabInit<'a> {
    socket: &'a OwnedFd,
    caller: (u32, u32),
    victims: Vec<(i32, String, UnixStream)>,
    frontend: Option<i32>,
    /// The shells of somebody who looks around, and what is closed when they end.
    shells: Vec<(i32, OwnedFd)>,
}

/// What the front end gets.
struct Streams {
    input: Option<OwnedFd>,
    out: OwnedFd,
    err: OwnedFd,
    events: OwnedFd,
}

/// The whole life of a lab.
fn run_init(socket: &OwnedFd) -> io::Result<()> {
    let Some((spec, descriptors)) = receive::<Spec>(socket)? else { return Ok(()) };
    let Given { streams: [out, err, events], users, .. } = Given::of(&spec, descriptors)?;
    // Of our own process namespace, before anybody else is in it: the harness looks through this one.
    let proc = detached("proc", &[], INERT | MountAttrFlags::MOUNT_ATTR_NOEXEC)?;
    if let Some(users) = users {
        users::enter(users)?;
        // The tether goes with the user that had it.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    }
    let keys = inside::keys(&spec)?;
    engine::confine(Profile::of(&spec.host), &Borrowed::by(&spec.lends))?;
    if !spec.bounded {
        groups::bound_without()?;
    }
    // The harness blocks some signals for itself; a build must not inherit that.
    sandbox::sys::signals::restore_all()?;
    let children = SigSet::from(Signal::SIGCHLD);
    children.thread_block()?;
    let deaths = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let caller = spec.frontend.caller;
    let mut init = LabInit { socket, caller, victims: Vec::new(), frontend: None, shells: vec![] };
    let mut victims = Vec::new();
    for victim in &spec.victims {
        victims.push(init.spawn_victim(victim)?);
    }
    let terminal = if spec.terminal { Some(terminal::make()?) } else { None };
    let ends = terminal.iter().flat_map(|(keyboard, line)| [keyboard.as_fd(), line.as_fd()]);
    let given: Vec<_> = [proc.as_fd()].into_iter().chain(ends).collect();
    send(socket, &LabEvent::Ready { victims, keys }, &given)?;
    drop(proc);
    let input = terminal.map(|(_, line)| line);
    let mut streams = Some(Streams { input, out, err, events });
    loop {
        let mut watched = [PollFd::new(socket, PollFlags::IN), PollFd::new(&deaths, PollFlags::IN)];
        match poll(&mut watched, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [orders, died] = watched.map(|entry| !entry.revents().is_empty());
        if died {
            while deaths.read_signal()?.is_some() {}
            init.reap()?;
        }
        if orders {
            match receive::<LabCommand>(socket)? {
                None => return Ok(()),
                Some((LabCommand::Start, _)) => {
                    if let Some(streams) = streams.take() {
                        init.start(&spec, streams)?;
                    }
                }
                Some((LabCommand::Shell(shell), descriptors)) => init.open(&shell, descriptors)?,
            }
        }
    }
}

impl LabInit<'_> {
    /// Starts a victim and waits until it has its text in place.
    fn spawn_victim(&mut self, victim: &Victim) -> io::Result<Living> {
        let (mut ours, theirs) = UnixStream::pair()?;
        let output = match &victim.open {
            None => Stdio::null(),
            // To read: the root of a pod is read-only.
            Some(path) => Stdio::from(std::fs::File::open(path)?),
        };
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0(&victim.name)
            .args(&victim.args)
            .env_clear()
            .envs(victim.env.iter().map(|(name, value)| (name, value)))
            .env(ROLE, "1")
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(output)
            .stderr(Stdio::null());
        self.as_caller(&mut command);
        let child = spawned(&mut command)?;
        ours.write_all(victim.name.as_bytes())?;
        ours.write_all(&[0])?;
        ours.write_all(victim.memory.as_bytes())?;
        ours.shutdown(std::net::Shutdown::Write)?;
        let mut place = String::new();
        io::BufReader::new(&ours).read_line(&mut place)?;
        let address = place
            .trim()
            .parse()
            .map_err(|error| io::Error::other(format!("a victim did not get ready: {error}")))?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        self.victims.push((pid, victim.plant.clone(), ours));
        Ok(Living { plant: victim.plant.clone(), pid, address })
    }

    /// Starts the front end; the write ends of its pipes are closed here afterwards.
    fn start(&mut self, spec: &Spec, streams: Streams) -> io::Result<()> {
        let Streams { input, out, err, events } = streams;
        let mut argv = spec.frontend.argv.iter();
        let program = argv.next().ok_or_else(|| io::Error::other("no front end is named"))?;
        // We have one thread, so nothing else can be started while this descriptor is inheritable.
        rustix::io::fcntl_setfd(&events, FdFlags::empty())?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&events).to_string();
        let mut command = Command::new(program);
        command
            .args(argv)
            .arg(number)
            .env_clear()
            .envs(spec.frontend.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&spec.frontend.cwd)
            .stdin(input.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err));
        self.as_caller(&mut command);
        let child = spawned(&mut command)
            .map_err(|error| io::Error::other(format!("{program} cannot be started: {error}")))?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        self.frontend = Some(pid);
        send(self.socket, &LabEvent::Started { pid }, &[])?;
        // It may have died while its death was not listened for.
        self.reap()
    }

    /// Starts a shell. That it cannot be started is said on its own standard error.
    fn open(&mut self, shell: &Orders, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let mut descriptors = descriptors.into_iter();
        let (Some(input), Some(out), Some(err), Some(end)) =
            (descriptors.next(), descriptors.next(), descriptors.next(), descriptors.next())
        else {
            return Err(io::Error::other("a shell needs four descriptors"));
        };
        let mut complaints = std::fs::File::from(err.try_clone()?);
        let mut argv = shell.argv.iter();
        let mut command = Command::new(argv.next().map_or("", String::as_str));
        command
            .args(argv)
            .env_clear()
            .envs(shell.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&shell.cwd)
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err));
        self.as_caller(&mut command);
        match spawned(&mut command) {
            Ok(child) => {
                self.shells.push((i32::try_from(child.id()).map_err(io::Error::other)?, end));
                // It may have died while its death was not listened for.
                self.reap()
            }
            Err(error) => {
                // Whoever does not read it cannot be told.
                let _untold = writeln!(complaints, "no shell can be started: {error}");
                Ok(())
            }
        }
    }

    /// A program of the caller's, where he is not root.
    fn as_caller(&self, command: &mut Command) {
        let (uid, group) = self.caller;
        if uid != 0 {
            command.uid(uid).gid(group);
        }
    }

    /// Takes every dead child, ours or one that was left to us.
    fn reap(&mut self) -> io::Result<()> {
        loop {
            let (pid, code, signal) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid.as_raw(), Some(code), None),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    (pid.as_raw(), None, Some(signal as i32))
                }
                Ok(WaitStatus::StillAlive) | Err(nix::errno::Errno::ECHILD) => return Ok(()),
                Ok(_) | Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            self.shells.retain(|shell| shell.0 != pid);
            if self.frontend == Some(pid) {
                send(self.socket, &LabEvent::Ended { code, signal }, &[])?;
            } else if let Some((_, plant, _)) = self.victims.iter().find(|entry| entry.0 == pid) {
                send(self.socket, &LabEvent::VictimEnded { plant: plant.clone(), signal }, &[])?;
            }
        }
    }
}

/// Starts a program with no signal blocked: what is blocked here stays blocked in a child.
fn spawned(command: &mut Command) -> io::Result<Child> {
    let children = SigSet::from(Signal::SIGCHLD);
    children.thread_unblock()?;
    let child = command.spawn();
    children.thread_block()?;
    child
}
