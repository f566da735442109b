//! What the payload reads, on its way from the caller.
//!
//! The payload gets a pipe instead of the caller's own descriptor. Through that it could change the
//! mode, the times and the attributes of the file behind it, as its owner may (`fchmod(2)`).
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fchown, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Gid, Uid};
use rustix::stdio::stdin;

/// What is read at a time.
const CHUNK: usize = 64 * 1024;

/// The supervisor's side of the payload's standard input.
#[derive(Debug)]
pub(super) struct Input {
    /// Where it goes; `None` once the caller has no more of it, or nobody reads any.
    to: Option<OwnedFd>,
    pending: Vec<u8>,
    /// The payload runs. Before that nothing is read, for what a launch that fails has read would be
    /// missing in the next.
    begun: bool,
}

impl Input {
    /// An input, and the end of its pipe that the payload reads from, which belongs to `owner`.
    pub(super) fn open(owner: Option<(u32, u32)>) -> Result<(Self, OwnedFd), Errno> {
        let (reader, to) = pipe_with(PipeFlags::CLOEXEC)?;
        if let Some((uid, gid)) = owner {
            fchown(&reader, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        fcntl_setfl(&to, fcntl_getfl(&to)? | OFlags::NONBLOCK)?;
        Ok((Self { to: Some(to), pending: Vec::new(), begun: false }, reader))
    }

    /// The payload runs, so what the caller has for it may be read.
    pub(super) const fn begin(&mut self) {
        self.begun = true;
    }

    /// Device and inode of the pipe.
    pub(super) fn identity(&self) -> Result<Option<(u64, u64)>, Errno> {
        let status = self.to.as_ref().map(fstat).transpose()?;
        Ok(status.map(|status| (status.st_dev, status.st_ino)))
    }

    /// What to wait for.
    pub(super) fn wanted(&self) -> Option<PollFd<'_>> {
        let to = self.to.as_ref().filter(|_| self.begun)?;
        Some(if self.pending.is_empty() {
            PollFd::from_borrowed_fd(stdin(), PollFlags::IN)
        } else {
            PollFd::new(to, PollFlags::OUT)
        })
    }

    /// Moves what can be moved without waiting.
    pub(super) fn pass_on(&mut self) -> Result<(), Errno> {
        let Some(to) = self.to.as_ref().filter(|_| self.begun) else { return Ok(()) };
        if self.pending.is_empty() {
            if !is_ready()? {
                return Ok(());
            }
            self.pending.reserve(CHUNK);
            match rustix::io::read(stdin(), spare_capacity(&mut self.pending)) {
                Ok(count) if count > 0 => {}
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                // What cannot be read ends as a file does that is at its end.
                Ok(_) | Err(_) => {
                    self.to = None;
                    return Ok(());
                }
            }
        }
        match rustix::io::write(to.as_fd(), &self.pending) {
            Ok(written) => drop(self.pending.drain(..written)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::PIPE) => self.to = None,
            Err(errno) => return Err(errno),
        }
        Ok(())
    }
}

fn is_ready() -> Result<bool, Errno> {
    let mut ready = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
    match poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(errno),
    }
}
