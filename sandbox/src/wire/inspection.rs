//! What passes between the supervisor and its inspector: bounded, and checked by whoever receives it.
#![forbid(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, IoSlice, IoSliceMut, read, write};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
};

use crate::harvest::{
    Answer, Artefact, Note, NoteKind, Opinion, Question, Release, Return, Warning,
};
use crate::pep517::{HookKind, Product};
use crate::plain::plain;
use crate::step::{Fault, Step};

/// How the inspector is to confine itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Whom it is to become; who it is already when not given.
    pub user: Option<(u32, u32)>,
    /// The first of the descriptors with this is an empty directory, to be its root.
    pub rooted: bool,
    /// Whether it gets namespaces of its own, and whether the first of them is one of users.
    pub namespaces: Option<bool>,
    /// Seconds of processor time.
    pub cpu: u64,
    /// Bytes of memory.
    pub memory: u64,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// To the inspector, before anything else. With it go the directory, and doors of control groups.
    Confine(Confinement),
    /// To the supervisor: where it is now, by descriptors of its namespaces, then of its root, as far
    /// as it has ones of its own. Later it may not be seen: it has another user (`ptrace(2)`).
    Entered,
    /// To the supervisor: it is confined. Says whether Landlock was there to be applied.
    Confined(bool),
    /// To the supervisor: a step failed.
    Failed(Fault),
    /// To the inspector, with the file that it is about.
    Question(Question),
    /// To the supervisor.
    Opinion(Opinion),
}

/// The longest message, in bytes; that of the longest honest answer is a hundredth of it.
const LONGEST: usize = 24 << 20;

/// What stands before every message: its length.
type Header = [u8; size_of::<u32>()];

/// The kernel's errors have smaller numbers.
const ERRNOS: i32 = 4096;

/// How many descriptors go with one message.
const MOST: usize = 4;

/// One end of the socket.
#[derive(Debug)]
pub struct Line(OwnedFd);

impl Line {
    /// The two ends.
    ///
    /// # Errors
    /// The errno of `socketpair(2)`.
    pub fn pair() -> Result<(Self, Self), Errno> {
        let (here, there) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        Ok((Self(here), Self(there)))
    }

    /// Sends `word` with descriptors, of which there are at most four; a long one goes in parts.
    ///
    /// # Errors
    /// The errno of `sendmsg(2)`: PIPE once the other end is gone.
    pub fn send(&self, word: &Word, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let (header, body) = framed(word);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Errno::TOOBIG);
        }
        sendmsg(&self.0, &[IoSlice::new(&header)], &mut control, SendFlags::NOSIGNAL)?;
        let mut rest = body.as_slice();
        while !rest.is_empty() {
            match rustix::net::send(&self.0, rest, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                sent => rest = rest.get(sent?..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// The same without descriptors and with no other call than `write(2)`.
    ///
    /// # Errors
    /// Its errno.
    pub fn write(&self, word: &Word) -> Result<(), Errno> {
        let (header, body) = framed(word);
        for mut rest in [header.as_slice(), &body] {
            while !rest.is_empty() {
                match write(&self.0, rest) {
                    Err(Errno::INTR) => {}
                    written => rest = rest.get(written?..).unwrap_or_default(),
                }
            }
        }
        Ok(())
    }

    /// Waits for a word and its descriptors; none once the other end is gone.
    ///
    /// # Errors
    /// The errno of `recvmsg(2)`; BADMSG for what is no word.
    pub fn receive(&self) -> Result<Option<(Word, Vec<OwnedFd>)>, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut header: Header = [0; size_of::<Header>()];
        let count = loop {
            let parts = &mut [IoSliceMut::new(&mut header)];
            match recvmsg(&self.0, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                received => break received?.bytes,
            }
        };
        let descriptors = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors = descriptors.flatten().collect();
        if count == 0 {
            return Ok(None);
        }
        let length = length(header).filter(|_| count == header.len()).ok_or(Errno::BADMSG)?;
        let mut body = vec![0; length];
        let mut at = 0;
        while at < length {
            match read(&self.0, body.get_mut(at..).unwrap_or_default()) {
                Err(Errno::INTR) => {}
                Ok(0) => return Ok(None),
                count => at += count?,
            }
        }
        Ok(Some((decode(&body).ok_or(Errno::BADMSG)?, descriptors)))
    }

    /// Takes in what has come, without waiting; descriptors that come with it are dropped.
    ///
    /// # Errors
    /// The errno of `recv(2)`; BADMSG for what is no word, or longer than any.
    pub fn take(&self, arrived: &mut Vec<u8>) -> Result<Taken, Errno> {
        let mut buffer = [0; 8 << 10];
        match recv(&self.0, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((_, 0)) | Err(Errno::CONNRESET) => return Ok(Taken::Ended),
            Ok((_, count)) => arrived.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let Some((header, body)) = arrived.split_first_chunk() else { return Ok(Taken::Part) };
        let length = length(*header).ok_or(Errno::BADMSG)?;
        match body.len() {
            short if short < length => Ok(Taken::Part),
            whole if whole == length => {
                decode(body).map(|word| Taken::Word(Box::new(word))).ok_or(Errno::BADMSG)
            }
            // It was asked one thing.
            _ => Err(Errno::BADMSG),
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Line {
    fn from(socket: OwnedFd) -> Self {
        Self(socket)
    }
}

impl From<Line> for OwnedFd {
    fn from(line: Line) -> Self {
        line.0
    }
}

/// What was taken in.
#[derive(Debug)]
pub enum Taken {
    /// A part of a word.
    Part,
    /// A whole one.
    Word(Box<Word>),
    /// The other end is gone.
    Ended,
}

fn length(header: Header) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(header)).ok().filter(|length| *length <= LONGEST)
}

fn framed(word: &Word) -> (Header, Vec<u8>) {
    let mut body = encode(word);
    if body.len() > LONGEST {
        let why = "it says more than the 24 MiB that are read of it".to_owned();
        body = encode(&Word::Opinion(Opinion::Refused(why)));
    }
    (u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes(), body)
}

/// A message that is being written.
#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.number(u64::try_from(text.len()).unwrap_or(u64::MAX)).0.extend(text.as_bytes());
        self
    }

    fn list(&mut self, texts: &[String]) -> &mut Self {
        self.number(u64::try_from(texts.len()).unwrap_or(u64::MAX));
        texts.iter().fold(self, |out, text| out.text(text))
    }
}

impl Out {
    fn releases(&mut self, releases: &[Release]) -> &mut Self {
        self.number(u64::try_from(releases.len()).unwrap_or(u64::MAX));
        releases.iter().fold(self, |out, release| out.text(&release.project).text(&release.version))
    }
}

/// What is left of a message that is being read.
struct In<'a>(&'a [u8]);

impl In<'_> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    fn bytes(&mut self) -> Option<&[u8]> {
        let length = self.small()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes()?).ok().map(str::to_owned)
    }

    /// A list, of which each entry takes eight bytes at least.
    fn list<T>(&mut self, each: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count: usize = self.small()?;
        if count > self.0.len() / 8 {
            return None;
        }
        (0..count).map(|_| each(self)).collect()
    }

    fn digest(&mut self) -> Option<[u8; 32]> {
        self.bytes()?.try_into().ok()
    }

    fn release(&mut self) -> Option<Release> {
        Some(Release { project: self.text()?, version: self.text()? })
    }

    fn hook(&mut self) -> Option<HookKind> {
        self.text()?.parse().ok()
    }
}

fn encode(word: &Word) -> Vec<u8> {
    let mut out = Out::default();
    match word {
        Word::Confine(it) => {
            let (uid, gid) = it.user.unwrap_or((u32::MAX, u32::MAX));
            let namespaces = it.namespaces.map_or(0, |users| if users { 2 } else { 1 });
            out.number(0).number(uid.into()).number(gid.into()).number(it.rooted.into());
            out.number(namespaces).number(it.cpu).number(it.memory);
        }
        Word::Entered => {
            out.number(10);
        }
        Word::Confined(landlock) => {
            out.number(1).number((*landlock).into());
        }
        Word::Failed(fault) => {
            let errno = u64::from(fault.errno.raw_os_error().unsigned_abs());
            out.number(2).number(fault.step.number().into()).number(errno);
        }
        Word::Question(Question::Answer(hook)) => {
            out.number(3).text(hook.name());
        }
        Word::Question(Question::Archive(hook, name, releases)) => {
            out.number(4).text(hook.name()).text(name).releases(releases);
        }
        Word::Question(Question::Metadata(name, releases)) => {
            out.number(5).text(name).releases(releases);
        }
        Word::Question(Question::Part(name, releases)) => {
            out.number(11).text(name).releases(releases);
        }
        Word::Opinion(Opinion::Refused(why)) => {
            out.number(6).text(why);
        }
        Word::Opinion(Opinion::Metadata(digest)) => {
            out.number(7).number(32).0.extend(digest);
        }
        Word::Opinion(Opinion::Archive(notes, digest)) => {
            out.number(8).number(32).0.extend(digest);
            out.number(u64::try_from(notes.len()).unwrap_or(u64::MAX));
            for note in notes {
                out.text(note.kind.name()).text(&note.member);
            }
        }
        Word::Opinion(Opinion::Answer(returned)) => {
            out.number(9);
            write_return(returned, &mut out);
        }
    }
    out.0
}

fn write_return(returned: &Return, out: &mut Out) {
    out.text(returned.hook.name());
    out.number(u64::try_from(returned.warnings.len()).unwrap_or(u64::MAX));
    for warning in &returned.warnings {
        out.text(&warning.message).text(&warning.filename).number(warning.lineno.into());
    }
    match &returned.answer {
        Answer::Requirements(list) => out.number(0).list(list),
        Answer::Features(list) => out.number(1).list(list),
        Answer::File { name, .. } => out.number(2).text(name),
        Answer::Unsupported { traceback } => out.number(3).text(traceback),
        Answer::NoBackend { message, traceback } => out.number(4).text(message).text(traceback),
        Answer::BackendInvalid { message } => out.number(5).text(message),
        Answer::HookMissing { missing } => out.number(6).text(missing.name()),
    };
}

fn decode(body: &[u8]) -> Option<Word> {
    let mut body = In(body);
    let word = match body.number()? {
        0 => {
            let user = (body.small()?, body.small()?);
            let rooted = body.number()? != 0;
            let namespaces = match body.number()? {
                0 => None,
                kind => Some(kind == 2),
            };
            let (cpu, memory) = (body.number()?, body.number()?);
            let user = Some(user).filter(|user| *user != (u32::MAX, u32::MAX));
            Word::Confine(Confinement { user, rooted, namespaces, cpu, memory })
        }
        10 => Word::Entered,
        1 => Word::Confined(body.number()? != 0),
        2 => {
            let step = Step::from_number(body.small()?)?;
            let errno = body.small().filter(|errno| (1..ERRNOS).contains(errno))?;
            Word::Failed(Fault::new(step, Errno::from_raw_os_error(errno)))
        }
        3 => Word::Question(Question::Answer(body.hook()?)),
        4 => Word::Question(Question::Archive(body.hook()?, body.text()?, body.list(In::release)?)),
        5 => Word::Question(Question::Metadata(body.text()?, body.list(In::release)?)),
        11 => Word::Question(Question::Part(body.text()?, body.list(In::release)?)),
        6 => Word::Opinion(Opinion::Refused(plain(&body.text()?))),
        7 => Word::Opinion(Opinion::Metadata(body.digest()?)),
        8 => {
            let digest = body.digest()?;
            let notes = body.list(|body| {
                let kind = body.text()?;
                let kind = NoteKind::ALL.into_iter().find(|known| known.name() == kind)?;
                Some(Note { kind, member: plain(&body.text()?) })
            })?;
            Word::Opinion(Opinion::Archive(notes, digest))
        }
        9 => Word::Opinion(Opinion::Answer(read_return(&mut body)?)),
        _ => return None,
    };
    body.0.is_empty().then_some(word)
}

fn read_return(body: &mut In<'_>) -> Option<Return> {
    let hook = body.hook()?;
    let warnings = body.list(|body| {
        let (message, filename) = (plain(&body.text()?), plain(&body.text()?));
        Some(Warning { message, filename, lineno: body.small()? })
    })?;
    let answer = match body.number()? {
        0 => Answer::Requirements(body.list(In::text)?),
        1 => Answer::Features(body.list(In::text)?),
        2 => {
            let name = body.text()?;
            let artefact = match hook.product() {
                Product::Sdist => Artefact::sdist(&name),
                Product::DistInfo => Artefact::dist_info(&name),
                _ => Artefact::wheel(&name),
            };
            Answer::File { artefact: artefact.ok()?, name }
        }
        3 => Answer::Unsupported { traceback: plain(&body.text()?) },
        4 => {
            let (message, traceback) = (plain(&body.text()?), plain(&body.text()?));
            Answer::NoBackend { message, traceback }
        }
        5 => Answer::BackendInvalid { message: plain(&body.text()?) },
        6 => Answer::HookMissing { missing: body.hook()? },
        _ => return None,
    };
    Some(Return { hook, answer, warnings })
}

#[cfg(test)]
#[path = "inspection_tests.rs"]
mod tests;
