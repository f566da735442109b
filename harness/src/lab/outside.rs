//! Programs that the harness asks something outside of any lab: each has a time to answer, and no answer
//! is longer than can be kept.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::wait;

/// How long one may take that has little to do.
pub const SOON: Duration = Duration::from_mins(1);
/// How long one may take that loads something.
pub const LATE: Duration = Duration::from_mins(5);
/// No answer is longer, in bytes.
const LONGEST: u64 = 64 << 20;

/// What `command` prints, and how it ends, within `patience`. Whoever else has its output open is not
/// waited for.
///
/// # Errors
/// When it cannot be started; `TimedOut` when it does not end in time, and is killed; `FileTooLarge` when
/// it prints too much.
pub fn answer(command: &mut Command, patience: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let heard = listen(&mut child, Instant::now() + patience);
    if heard.is_err() {
        // It may have ended by now.
        let _dead = child.kill();
    }
    let status = child.wait()?;
    let (stdout, stderr) = heard?;
    Ok(Output { status, stdout, stderr })
}

/// Both streams until the end of the process.
fn listen(child: &mut Child, deadline: Instant) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut out = Stream::of(child.stdout.take().map(OwnedFd::from))?;
    let mut err = Stream::of(child.stderr.take().map(OwnedFd::from))?;
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    loop {
        let mut watched = vec![PollFd::new(&process, PollFlags::IN)];
        watched.extend(
            [&out, &err]
                .into_iter()
                .filter_map(|stream| stream.file.as_ref())
                .map(|file| PollFd::new(file, PollFlags::IN)),
        );
        if !wait(&mut watched, deadline)? {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not end"));
        }
        let ended = watched.first().is_some_and(|process| !process.revents().is_empty());
        out.take_in()?;
        err.take_in()?;
        if ended {
            return Ok((out.said, err.said));
        }
    }
}

/// One of its streams.
struct Stream {
    file: Option<File>,
    said: Vec<u8>,
}

impl Stream {
    fn of(end: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(end) = &end {
            fcntl_setfl(end, fcntl_getfl(end)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { file: end.map(File::from), said: Vec::new() })
    }

    /// Takes what is there.
    fn take_in(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let room = (LONGEST + 1).saturating_sub(self.said.len() as u64);
        match file.take(room).read_to_end(&mut self.said) {
            Ok(_) => self.file = None,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if self.said.len() as u64 > LONGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it prints too much"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(script: &str, patience: Duration) -> io::Result<Output> {
        answer(Command::new("/bin/sh").args(["-c", script]), patience)
    }

    #[test]
    fn what_is_printed_and_how_it_ends_is_told() {
        let output = asked("echo out; echo err >&2; exit 3", SOON).unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!((output.stdout, output.stderr), (b"out\n".to_vec(), b"err\n".to_vec()));
        let long = asked("head -c 1000000 /dev/zero", SOON).unwrap();
        assert_eq!(long.stdout.len(), 1_000_000);
    }

    #[test]
    fn nobody_waits_for_what_does_not_end_or_for_who_holds_its_output() {
        let begin = Instant::now();
        let output = asked("sleep 60 & echo $!", Duration::from_secs(30)).unwrap();
        let child = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::SIGKILL)
            .unwrap();
        let error = asked("exec sleep 60", Duration::from_millis(200)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let error = asked("exec cat /dev/zero", SOON).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(begin.elapsed() < Duration::from_secs(50), "{:?}", begin.elapsed());
    }
}
