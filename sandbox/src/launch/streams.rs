//! What the payload prints, on its way to the caller: counted, bounded and never stored; and what it
//! reads, on its way from there.
//!
//! The payload gets pipes instead of the caller's own descriptors. Through those it could truncate
//! the log that it is being written to, or type into the terminal behind it.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{OFlags, fchown, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Gid, Uid};
use rustix::stdio;

use super::input::Input;
use crate::payload::Stdin;
use crate::plain::{Plain, heard};
use crate::stage::Output;
use crate::step::{At, Fault, Step};

/// What is read at a time.
const CHUNK: usize = 64 * 1024;

/// What is written at a time: as much as a pipe or a terminal that is ready takes without making
/// the writer wait (`pipe(7)`, `PIPE_BUF`).
const SLICE: usize = 4096;

/// The supervisor's side of the payload's standard streams.
#[derive(Debug)]
pub(super) struct Streams {
    pipes: Vec<Stream>,
    input: Option<Input>,
    /// Where what was read lies until it is looked at.
    chunk: Vec<u8>,
    moved: u64,
    last: Instant,
}

#[derive(Debug)]
struct Stream {
    /// Where the payload's words come from; `None` once it has no more.
    from: Option<OwnedFd>,
    to: BorrowedFd<'static>,
    pending: Vec<u8>,
    /// What makes it plain; as it is when not given.
    plain: Option<Plain>,
    named_sanitizer: bool,
    /// It leads to where this program speaks itself.
    heard: bool,
}

impl Streams {
    /// No streams: the payload has the caller's own descriptors.
    pub(super) fn none() -> Self {
        Self { pipes: vec![], input: None, chunk: vec![], moved: 0, last: Instant::now() }
    }

    /// A pipe for each of the caller's two descriptors, or one for both where they are the same
    /// file, so that the order of what is written to both is kept; made `plain` on the way if asked.
    /// One for what it reads, where that is the caller's `stdin`. Each belongs to `owner`, who else
    /// could not open it by a name such as `/dev/stderr`.
    pub(super) fn open(
        plain: bool,
        stdin: Stdin,
        owner: Option<(u32, u32)>,
    ) -> Result<(Self, Output), Fault> {
        let mut streams = Self::none();
        let (out, err) = (stdio::stdout(), stdio::stderr());
        let one = same_file(out, err).at(Step::StandardStreams)?;
        let mut add = |to| streams.add(to, plain, owner).at(Step::StandardStreams);
        let standard_output = add(out)?;
        let standard_error = if one { None } else { Some(add(err)?) };
        let mut standard_input = None;
        if stdin == Stdin::Inherit {
            let (input, reader) = Input::open(owner).at(Step::StandardStreams)?;
            (streams.input, standard_input) = (Some(input), Some(reader));
        }
        Ok((streams, Output { standard_output, standard_error, standard_input }))
    }

    fn add(
        &mut self,
        to: BorrowedFd<'static>,
        plain: bool,
        owner: Option<(u32, u32)>,
    ) -> Result<OwnedFd, Errno> {
        let (from, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        if let Some((uid, gid)) = owner {
            fchown(&writer, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        fcntl_setfl(&from, fcntl_getfl(&from)? | OFlags::NONBLOCK)?;
        let plain = plain.then(Plain::default);
        let heard = same_file(to, stdio::stderr())?;
        self.pipes.push(Stream {
            from: Some(from),
            to,
            pending: Vec::new(),
            plain,
            named_sanitizer: false,
            heard,
        });
        Ok(writer)
    }

    /// Device and inode of each pipe, the same at both ends.
    pub(super) fn identities(&self) -> Result<Vec<(u64, u64)>, Fault> {
        let pipes = self.pipes.iter().filter_map(|stream| stream.from.as_ref());
        let statuses = pipes.map(|from| fstat(from).at(Step::ReadBack));
        let printed = statuses.map(|status| status.map(|status| (status.st_dev, status.st_ino)));
        let read = self.input.as_ref().map(Input::identity).transpose().at(Step::ReadBack)?;
        printed.chain(read.flatten().map(Ok)).collect()
    }

    /// The payload runs: from here on it gets what the caller has for it.
    pub(super) const fn begin(&mut self) {
        if let Some(input) = &mut self.input {
            input.begin();
        }
    }

    /// What to wait for.
    pub(super) fn wanted(&self) -> Vec<PollFd<'_>> {
        let read = self.input.iter().filter_map(Input::wanted);
        self.pipes.iter().filter_map(Stream::wanted).chain(read).collect()
    }

    /// Moves what can be moved without waiting. Gives whether it has printed anything.
    pub(super) fn pass_on(&mut self) -> Result<bool, Fault> {
        if let Some(input) = &mut self.input {
            input.pass_on().at(Step::Supervise)?;
        }
        let mut any = false;
        for stream in &mut self.pipes {
            let count = stream.pass_on(&mut self.chunk).at(Step::Supervise)?;
            if let Some(count) = count {
                any = true;
                self.moved = self.moved.saturating_add(count);
                self.last = Instant::now();
            }
        }
        Ok(any)
    }

    /// Nobody reads or writes any more: what is in the pipes is the rest.
    pub(super) fn stop(&mut self) {
        self.input = None;
        self.pipes.iter_mut().for_each(Stream::end);
    }

    /// Whether everything has been handed on.
    pub(super) fn are_empty(&self) -> bool {
        self.pipes.iter().all(|stream| stream.pending.is_empty())
    }

    /// How many bytes the payload has written.
    pub(super) const fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether it wrote the name of a sanitizer.
    pub(super) fn named_sanitizer(&self) -> bool {
        self.pipes.iter().any(|stream| stream.named_sanitizer)
    }

    /// When it last wrote.
    pub(super) const fn last(&self) -> Instant {
        self.last
    }
}

impl Stream {
    fn wanted(&self) -> Option<PollFd<'_>> {
        if self.pending.is_empty() {
            self.from.as_ref().map(|from| PollFd::new(from, PollFlags::IN))
        } else {
            Some(PollFd::from_borrowed_fd(self.to, PollFlags::OUT))
        }
    }

    /// Reads if nothing is pending, then writes a slice; gives how much was read, or zero for a
    /// write alone.
    fn pass_on(&mut self, chunk: &mut Vec<u8>) -> Result<Option<u64>, Errno> {
        let mut count = None;
        if self.pending.is_empty() {
            count = self.read(chunk)?;
        }
        if self.pending.is_empty() || !is_ready(self.to)? {
            return Ok(count);
        }
        let slice = self.pending.get(..SLICE).unwrap_or(&self.pending);
        match rustix::io::write(self.to, slice) {
            Ok(written) => {
                if self.heard {
                    heard(slice.get(..written).unwrap_or_default());
                }
                self.pending.drain(..written);
                Ok(count.or(Some(0)))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(count),
            Err(Errno::PIPE | Errno::CONNRESET) => {
                // The caller reads no more. The payload meets the same end at its next word.
                self.pending.clear();
                self.from = None;
                Ok(count)
            }
            Err(errno) => Err(errno),
        }
    }

    /// The payload has no more to say: what was kept back is the last of it.
    fn end(&mut self) {
        self.from = None;
        if let Some(plain) = &mut self.plain {
            self.pending.extend(plain.finish().into_bytes());
        }
    }

    fn read(&mut self, chunk: &mut Vec<u8>) -> Result<Option<u64>, Errno> {
        let Some(from) = &self.from else { return Ok(None) };
        chunk.clear();
        chunk.reserve(CHUNK);
        match rustix::io::read(from.as_fd(), spare_capacity(chunk)) {
            Ok(0) => {
                self.end();
                Ok(None)
            }
            Ok(count) => {
                self.named_sanitizer = self.named_sanitizer || names_sanitizer(chunk);
                self.pending = match &mut self.plain {
                    Some(plain) => plain.clean(chunk).into_bytes(),
                    None => std::mem::take(chunk),
                };
                // What is made plain may be more than it was.
                Ok(u64::try_from(count.max(self.pending.len())).ok())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

/// Whether a text has the name of a program's own check of its memory. Where one is cut in two by the
/// end of what was read at a time, it is missed.
fn names_sanitizer(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'S').skip(1).any(|rest| rest.starts_with(b"anitizer"))
}

fn is_ready(to: BorrowedFd<'_>) -> Result<bool, Errno> {
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut ready = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
    match rustix::event::poll(&mut ready, Some(&now)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn same_file(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> Result<bool, Errno> {
    let (a, b) = (fstat(a)?, fstat(b)?);
    Ok((a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
}
