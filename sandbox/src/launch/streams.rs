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
use rustix::io::{Errno, ioctl_fionread};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Gid, Uid};
use rustix::stdio;

use super::input::Input;
use super::patience::Patience;
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

    /// Moves what can be moved without waiting. Where one stream cannot be written to, what the
    /// others have is moved all the same.
    pub(super) fn pass_on(&mut self) -> Result<(), Fault> {
        let read = self.input.as_mut().map_or(Ok(()), Input::pass_on);
        let mut first = read.at(Step::Supervise);
        for stream in &mut self.pipes {
            match stream.pass_on(&mut self.chunk) {
                Ok(None) => {}
                Ok(Some(count)) => {
                    self.moved = self.moved.saturating_add(count);
                    self.last = Instant::now();
                }
                Err(errno) => {
                    stream.give_up();
                    first = first.and(Err(Fault::new(Step::PassOn, errno)));
                }
            }
        }
        first
    }

    /// Hands on the rest, for whoever wrote it is dead: until nothing is left, until `latest`, or
    /// until the call is over and nobody can be waited for any longer. Gives whether nothing is left.
    pub(super) fn drain(
        &mut self,
        patience: &mut Patience,
        latest: Option<Instant>,
    ) -> Result<bool, Fault> {
        self.input = None;
        let mut first = Ok(());
        for stream in &mut self.pipes {
            first = first.and(stream.read_the_rest(&mut self.chunk).at(Step::Supervise));
        }
        first = first.and(self.pass_on());
        let until = |patience: &Patience| {
            let latest = latest.into_iter().chain(patience.latest_of_the_log()).min();
            (latest, latest.is_none_or(|latest| Instant::now() < latest))
        };
        while self.is_any_pending() {
            patience.wait(self.wanted(), until(patience).0)?;
            first = first.and(self.pass_on());
            if !until(patience).1 {
                break;
            }
        }
        first.map(|()| !self.is_any_pending())
    }

    /// Whether something was printed that the caller has not taken yet.
    fn is_any_pending(&self) -> bool {
        self.pipes.iter().any(|stream| !stream.pending.is_empty())
    }

    /// How many bytes the payload has written.
    pub(super) const fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether it wrote the name of a sanitizer.
    pub(super) fn named_sanitizer(&self) -> bool {
        self.pipes.iter().any(|stream| stream.named_sanitizer)
    }

    /// Since when it has written nothing; not known while the caller has to take what it wrote.
    pub(super) fn silent_since(&self) -> Option<Instant> {
        Some(self.last).filter(|_| !self.is_any_pending())
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
            // What is made plain may be more than it was.
            count = self.read(chunk)?.map(|count| count.max(self.pending.len()));
        }
        let count = count.and_then(|count| u64::try_from(count).ok());
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
                self.give_up();
                Ok(count)
            }
            Err(errno) => Err(errno),
        }
    }

    /// The caller reads no more. The payload meets the same end at its next word.
    fn give_up(&mut self) {
        self.pending.clear();
        self.from = None;
    }

    /// Reads all that the payload has written, which is not more than a pipe holds. It is not waited
    /// for the end of the pipe: without a layer that ends it a process of the payload may have it yet.
    fn read_the_rest(&mut self, chunk: &mut Vec<u8>) -> Result<(), Errno> {
        let mut left = self.from.as_ref().map_or(Ok(0), ioctl_fionread)?;
        while left > 0 {
            let Some(count) = self.read(chunk)? else { break };
            left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        }
        self.end();
        Ok(())
    }

    /// The payload has no more to say: what was kept back is the last of it.
    fn end(&mut self) {
        self.from = None;
        if let Some(plain) = &mut self.plain {
            self.pending.extend(plain.finish().into_bytes());
        }
    }

    /// Adds to what is pending, and gives how much was read.
    fn read(&mut self, chunk: &mut Vec<u8>) -> Result<Option<usize>, Errno> {
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
                match &mut self.plain {
                    Some(plain) => self.pending.extend(plain.clean(chunk).into_bytes()),
                    None => self.pending.append(chunk),
                }
                Ok(Some(count))
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
