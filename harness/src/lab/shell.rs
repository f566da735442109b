//! A shell in a living lab, for somebody who looks around: as the caller, outside any sandbox.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read, write};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::{
    OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

use super::wire::{Command, LabCommand, send};
use super::{Lab, pipe};

/// Makes standard input the terminal of a new session and becomes the shell. Without a controlling
/// terminal a shell has no jobs, and an interrupt would end the harness.
const CLAIM: &str = "import fcntl, os, sys, termios; os.setsid(); \
                     fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])";

/// How often somebody looks whether the user wants to stop.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// The shells that are looked for, with what keeps them from reading files that a build has left.
const SHELLS: [(&str, &[&str]); 2] = [("/bin/bash", &["--noprofile", "--norc"]), ("/bin/sh", &[])];

/// Opens a shell in the lab for whoever holds this program's standard streams, and returns when it
/// has ended, or `stop` says so. `front` is the front end's command: the shell has its environment and
/// directory.
///
/// # Errors
/// Those of the kernel; the terminal is as it was found afterwards.
pub fn open(
    lab: &Lab,
    front: &Command,
    extra: &[(&str, String)],
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut command = front.clone();
    let shell = SHELLS.iter().find(|(path, _)| Path::new(path).exists());
    let (shell, options) = shell.unwrap_or(&SHELLS[1]);
    let extra = extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    command.env.extend(extra);
    let words = [*shell].into_iter().chain(options.iter().copied());
    if isatty(stdin()) && isatty(stdout()) {
        let python = front.argv.first().cloned().unwrap_or_default();
        let claim = ["-I", "-S", "-B", "-c", CLAIM].map(str::to_owned);
        command.argv = [python].into_iter().chain(claim).collect();
        command.argv.extend(words.map(str::to_owned));
        command.env.extend(std::env::var("TERM").map(|term| ("TERM".to_owned(), term)));
        return before_a_terminal(lab, command, stop);
    }
    command.argv = words.map(str::to_owned).collect();
    through_pipes(lab, command, stop)
}

/// Starts the shell on pipes and carries every byte: what the caller has for its own streams, a terminal or a
/// file, is not for a lab.
fn through_pipes(lab: &Lab, command: Command, stop: &dyn Fn() -> bool) -> io::Result<()> {
    let (input, typed) = pipe()?;
    let (printed, out) = pipe()?;
    let (complained, err) = pipe()?;
    let end = start(lab, command, [input.as_fd(), out.as_fd(), err.as_fd()])?;
    drop((input, out, err));
    let mut typed = Some(typed);
    while !stop() {
        // A shell that reads nothing for the time being must not keep us from what it prints.
        let listens = typed.as_ref().is_some_and(has_room);
        // An input that has ended would be ready for ever; the other is watched below anyway.
        let source = if listens { stdin() } else { end.as_fd() };
        let mut watched = [
            PollFd::from_borrowed_fd(source, PollFlags::IN),
            PollFd::new(&printed, PollFlags::IN),
            PollFd::new(&complained, PollFlags::IN),
            PollFd::new(&end, PollFlags::IN),
        ];
        if !looked(&mut watched)? {
            continue;
        }
        let [input, out, err, ended] = watched.map(|entry| !entry.revents().is_empty());
        if input
            && listens
            && let Some(shell) = &typed
        {
            // A shell that has ended reads no more.
            let goes_on = carry(stdin(), shell.as_fd());
            if !goes_on.or_else(|error| if is_unread(&error) { Ok(false) } else { Err(error) })? {
                typed = None;
            }
        }
        let more = out && carry(printed.as_fd(), stdout())?;
        let more = (err && carry(complained.as_fd(), stderr())?) || more;
        // Only when all that it printed has been shown.
        if ended && !more {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether a pipe takes what is carried at once.
fn has_room(pipe: &OwnedFd) -> bool {
    poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&Timespec::default()))
        .is_ok_and(|ready| ready > 0)
}

fn is_unread(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Waits for a moment; false when nothing has come.
fn looked(watched: &mut [PollFd<'_>]) -> io::Result<bool> {
    match poll(watched, Some(&MOMENT)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Has the lab start it; what is returned ends when the shell does.
fn start(lab: &Lab, command: Command, streams: [BorrowedFd<'_>; 3]) -> io::Result<OwnedFd> {
    let (ours, theirs) = pipe()?;
    let [input, out, err] = streams;
    send(lab.control(), &LabCommand::Shell(command), &[input, out, err, theirs.as_fd()])?;
    Ok(ours)
}

/// The terminal of whoever looks around, raw as long as the other one in the lab is his.
struct Raw {
    found: Termios,
}

impl Raw {
    fn make() -> io::Result<Self> {
        let found = tcgetattr(stdin())?;
        let mut raw = found.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Drain, &raw)?;
        Ok(Self { found })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that has gone away needs no settings.
        let _gone = tcsetattr(stdin(), OptionalActions::Drain, &self.found);
    }
}

/// Starts the shell on a terminal of its own and carries every byte between the two.
fn before_a_terminal(lab: &Lab, command: Command, stop: &dyn Fn() -> bool) -> io::Result<()> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    let line = ioctl_tiocgptpeer(&master, flags)?;
    tcsetwinsize(&line, tcgetwinsize(stdout())?)?;
    let end = start(lab, command, [line.as_fd(), line.as_fd(), line.as_fd()])?;
    drop(line);
    let _raw = Raw::make()?;
    let mut listens = true;
    while !stop() {
        let input = if listens { PollFlags::IN } else { PollFlags::empty() };
        let mut watched = [
            PollFd::from_borrowed_fd(stdin(), input),
            PollFd::new(&master, PollFlags::IN),
            PollFd::new(&end, PollFlags::IN),
        ];
        if !looked(&mut watched)? {
            continue;
        }
        let [typed, printed, ended] = watched.map(|entry| !entry.revents().is_empty());
        if typed && listens {
            // Who types has the window that he sees.
            tcsetwinsize(&master, tcgetwinsize(stdout())?)?;
            listens = carry(stdin(), master.as_fd())?;
        }
        if printed && carry(master.as_fd(), stdout())? {
            continue;
        }
        // Only when all that it printed has been shown.
        if ended || printed {
            return Ok(());
        }
    }
    Ok(())
}

/// Carries what there is; false when there will be no more. A terminal whose other end nobody holds
/// answers `EIO`.
fn carry(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let length = match read(from, &mut buffer) {
        Ok(length) => length,
        Err(Errno::IO) => 0,
        Err(Errno::INTR) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let mut rest = buffer.get(..length).unwrap_or_default();
    while !rest.is_empty() {
        let written = write(to, rest)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(length > 0)
}
