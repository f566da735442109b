//! What passes between the supervisor and the sandbox, over one socket with message boundaries.
//!
//! The socket is the lifeline too: its end, as the sandbox sees it, is the supervisor's death.
#![forbid(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};

use serde_json::{Value, json};

use crate::outcome::{End, Outcome};
use crate::overlay::Sharing;
use crate::plain;
use crate::plan::Plan;
use crate::step::{Fault, Step};
use crate::why::{Finding, findings_json};
use crate::words::Layer;

mod answer;
mod channel;
mod diagnosis;
mod explanation;
mod inspection;
mod request;
mod swept;

pub use answer::{Answer, Started, answer_json, read_answer};
pub use channel::Channel;
pub use diagnosis::diagnosis_json;
pub use explanation::plan_json;
pub use inspection::{Confinement, Line, Taken, Word};
pub use request::{NoRequest, read_request, request_json};
pub use swept::{Swept, swept_json};

/// A message, of sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// To the sandbox: everything is prepared, go on.
    Go,
    /// To the sandbox: its user is mapped.
    Mapped,
    /// To the sandbox: its control groups, as descriptors to join them by.
    CgroupFds,
    /// To the sandbox: its new root and mounts of its plan, as descriptors.
    Mounts,
    /// To the sandbox: its rules of Landlock, as far as they are about those mounts.
    Rules,
    /// To the sandbox: send this signal to the payload.
    Signal(u8),
    /// To the supervisor: a step failed, the payload did not run.
    Failed(Fault),
    /// To the supervisor: the scratch file system, as a descriptor.
    Scratch,
    /// To the supervisor: a text in a file, of what was left out of a copy or what it failed at.
    Copied,
    /// To the supervisor: the payload's process, as a descriptor for it (`pidfd_open(2)`).
    Payload,
    /// To the supervisor: the files of the build are in place, and the host's root is out of reach.
    Entered,
    /// To the supervisor: the payload's process is confined and waits to be let through the gate.
    Ready,
    /// To the supervisor: the payload ended, with this status of `waitpid(2)`.
    Ended(i32),
}

impl Message {
    const SIZE: usize = size_of::<u128>();

    fn encode(self) -> [u8; Self::SIZE] {
        let (kind, step, item, number) = match self {
            Self::Go => (0, 0, 0, 0),
            Self::Signal(number) => (1, 0, 0, i32::from(number)),
            Self::Failed(fault) => (
                2,
                fault.step.number(),
                fault.item.map_or(0, |item| item.saturating_add(1)),
                fault.errno.raw_os_error(),
            ),
            Self::Scratch => (3, 0, 0, 0),
            Self::Ended(status) => (4, 0, 0, status),
            Self::Payload => (5, 0, 0, 0),
            Self::Ready => (6, 0, 0, 0),
            Self::Mapped => (7, 0, 0, 0),
            Self::CgroupFds => (8, 0, 0, 0),
            Self::Mounts => (9, 0, 0, 0),
            Self::Rules => (10, 0, 0, 0),
            Self::Entered => (11, 0, 0, 0),
            Self::Copied => (12, 0, 0, 0),
        };
        let number = u128::from(u32::from_ne_bytes(number.to_ne_bytes()));
        (kind | u128::from(step) << 8 | u128::from(item) << 24 | number << 40).to_le_bytes()
    }

    fn decode(bytes: [u8; Self::SIZE]) -> Option<Self> {
        let word = u128::from_le_bytes(bytes);
        let step = u16::try_from(word >> 8 & 0xffff).ok()?;
        let item = u16::try_from(word >> 24 & 0xffff).ok()?;
        let number = u32::try_from(word >> 40 & 0xffff_ffff).ok()?;
        let number = i32::from_ne_bytes(number.to_ne_bytes());
        Some(match word & 0xff {
            0 => Self::Go,
            1 => Self::Signal(u8::try_from(number).ok()?),
            2 => Self::Failed(Fault {
                step: Step::from_number(step)?,
                // The kernel's errors have smaller numbers.
                errno: Errno::from_raw_os_error(Some(number).filter(|it| (1..4096).contains(it))?),
                item: item.checked_sub(1),
            }),
            3 => Self::Scratch,
            4 => Self::Ended(number),
            5 => Self::Payload,
            6 => Self::Ready,
            7 => Self::Mapped,
            8 => Self::CgroupFds,
            9 => Self::Mounts,
            10 => Self::Rules,
            11 => Self::Entered,
            12 => Self::Copied,
            _ => return None,
        })
    }
}

/// The outcome of a launch as a JSON document, for `--outcome`; without a plan where none was made, and
/// with what was `found` where the build was followed.
#[must_use]
pub fn outcome_json(plan: Option<&Plan>, outcome: &Outcome, found: Option<&[Finding]>) -> String {
    let files = outcome.harvest.files.iter().map(|file| {
        json!({ "path": file.path.to_string_lossy(), "size": file.size, "sha256": file.sha256 })
    });
    let notes = outcome.harvest.notes.iter();
    let mut document = json!({
        "schema": "bulkhead.outcome/1",
        "end": end_json(&outcome.end),
        "level": plan.map(|plan| plan.level.name()),
        "plan": plan.map(|plan| plan.kind.name()),
        "layers": plan.map(|plan| plan.layers.iter().map(Layer::name).collect::<Vec<_>>()),
        "enforced": outcome.enforced.iter().map(Layer::name).collect::<Vec<_>>(),
        "partly": plan.map(|plan| plan.notes.clone()),
        "source": plan.and_then(|plan| plan.sharing).map(sharing_json),
        "usage": {
            "wall_ms": u64::try_from(outcome.elapsed.as_millis()).unwrap_or(u64::MAX),
            "peak_memory": outcome.peak_memory,
        },
        "files": files.collect::<Vec<_>>(),
        "notes": notes.map(|note| json!({ "kind": note.kind.name(), "member": note.member }))
            .collect::<Vec<_>>(),
    });
    if let (Some(found), Some(document)) = (found, document.as_object_mut()) {
        document.insert("why".to_owned(), findings_json(found));
    }
    plain::document(&document)
}

/// How the build got its source tree, and why not otherwise.
fn sharing_json(sharing: Sharing) -> Value {
    let because = match sharing {
        Sharing::Overlay(_) => None,
        Sharing::Copy(obstacle) => Some(obstacle.to_string()),
    };
    json!({ "by": sharing.name(), "because": because })
}

fn end_json(end: &End) -> Value {
    match end {
        End::Exited(status) => json!({ "exited": { "status": status } }),
        End::Signalled(signal) => json!({ "signalled": { "signal": signal } }),
        End::TimedOut(clock) => json!({ "timed-out": clock.name() }),
        End::OutOfMemory => json!("out-of-memory"),
        End::TooManyProcesses => json!("too-many-processes"),
        End::OutputRefused { file, why } => {
            json!({ "output-refused": { "file": plain::plain(file), "why": plain::plain(why) } })
        }
        End::NotStarted { step, cause, .. } => {
            json!({ "not-started": { "step": step, "cause": plain::plain(cause) } })
        }
    }
}

/// One end of the socket.
#[derive(Debug)]
pub struct Link(OwnedFd);

impl Link {
    /// How many descriptors one message can carry here; the kernel's own limit is 253.
    const MOST: usize = 64;

    /// The two ends: the supervisor's and the sandbox's.
    ///
    /// # Errors
    /// The errno of `socketpair(2)`.
    pub fn pair() -> Result<(Self, Self), Errno> {
        let (outer, inner) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(outer), Self(inner)))
    }

    /// Sends `message`; the other end's death is no error, for nobody is left to tell.
    ///
    /// # Errors
    /// The errno of `sendmsg(2)`.
    pub fn send(&self, message: Message) -> Result<(), Errno> {
        self.send_with(message, &[])
    }

    /// Sends `message` as often as is needed to hand over all of `descriptors`.
    ///
    /// # Errors
    /// The errno of `sendmsg(2)`.
    pub fn hand_over(&self, message: Message, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        descriptors.chunks(Self::MOST).try_for_each(|some| self.send_with(message, some))
    }

    /// Sends `message` together with at most sixty-four descriptors.
    ///
    /// # Errors
    /// The errno of `sendmsg(2)`.
    pub fn send_with(&self, message: Message, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(Self::MOST))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Errno::TOOBIG);
        }
        let bytes = message.encode();
        match sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL) {
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Waits for a message and its descriptors; `None` once the other end is gone.
    ///
    /// # Errors
    /// The errno of `recvmsg(2)`; MFILE where a descriptor is missing, BADMSG for what is no message.
    pub fn receive(&self) -> Result<Option<(Message, Vec<OwnedFd>)>, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(Self::MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; Message::SIZE];
        let received = loop {
            let parts = &mut [IoSliceMut::new(&mut bytes)];
            match recvmsg(&self.0, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                // The other end has died with something unread. That is told once, and before what it
                // has said itself.
                Err(Errno::INTR | Errno::CONNRESET) => {}
                other => break other?,
            }
        };
        if received.bytes == 0 {
            return Ok(None);
        }
        let descriptors = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors = descriptors.flatten().collect();
        // A descriptor for which there was no room is missing without a word; there is none where this
        // process may have no more of them.
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(Errno::MFILE);
        }
        let message = Message::decode(bytes).filter(|_| received.bytes == bytes.len());
        message.map(|message| Some((message, descriptors))).ok_or(Errno::BADMSG)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_arrives_as_it_was_sent() {
        let (outer, inner) = Link::pair().unwrap();
        let messages = [
            Message::Go,
            Message::Signal(15),
            Message::Failed(Fault::new(Step::Pivot, Errno::INVAL)),
            Message::Failed(Fault::new(Step::OpenMount, Errno::NOENT).about(0)),
            Message::Scratch,
            Message::Payload,
            Message::Ready,
            Message::Mapped,
            Message::CgroupFds,
            Message::Mounts,
            Message::Rules,
            Message::Entered,
            Message::Copied,
            Message::Ended(-1),
        ];
        for message in messages {
            inner.send(message).unwrap();
            assert_eq!(outer.receive().unwrap().map(|(message, _)| message), Some(message));
        }
    }

    #[test]
    fn any_number_of_descriptors_is_handed_over() {
        let (outer, inner) = Link::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for count in [0, 1, Link::MOST, 2 * Link::MOST + 1] {
            outer.hand_over(Message::Mounts, &vec![file.as_fd(); count]).unwrap();
            outer.send(Message::Go).unwrap();
            let mut received = 0;
            while let Some((Message::Mounts, descriptors)) = inner.receive().unwrap() {
                received += descriptors.len();
            }
            assert_eq!(received, count);
        }
    }

    #[test]
    fn the_end_of_one_side_is_seen_by_the_other() {
        let (outer, inner) = Link::pair().unwrap();
        drop(outer);
        assert!(inner.receive().unwrap().is_none());
        inner.send(Message::Ended(0)).unwrap();
    }

    #[test]
    fn the_last_word_arrives_also_from_who_has_not_listened() {
        let (outer, inner) = Link::pair().unwrap();
        let failed = Message::Failed(Fault::new(Step::AwaitGo, Errno::PERM));
        inner.send(failed).unwrap();
        outer.send(Message::Go).unwrap();
        drop(inner);
        assert_eq!(outer.receive().unwrap().map(|(message, _)| message), Some(failed));
        assert!(outer.receive().unwrap().is_none());
    }

    #[test]
    fn bytes_that_are_no_message_are_an_error() {
        let (outer, inner) = Link::pair().unwrap();
        rustix::io::write(&inner, &[99; 16]).unwrap();
        assert_eq!(outer.receive().unwrap_err(), Errno::BADMSG);
        rustix::io::write(&inner, &[0; 3]).unwrap();
        assert_eq!(outer.receive().unwrap_err(), Errno::BADMSG);
    }
}
