//! What harness and lab say to each other: one JSON text per packet, descriptors beside the first.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// No packet is longer.
const LONGEST: usize = 160 * 1024;
/// No packet brings more descriptors.
const MOST_DESCRIPTORS: usize = 250;

/// The first packet of the harness: the lab to build.
///
/// With it come, in this order, the front end's standard output, its standard error, its events,
/// the files by which control groups are joined, the mounts, what is shown of the host, and the user
/// namespace if there is one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spec {
    /// The profile of the host.
    pub host: String,
    /// Where the mounts go, the outer ones first; the first is `/`.
    pub mounts: Vec<String>,
    /// Where further mounts of the host are shown, read-only.
    pub shown: Vec<String>,
    /// What is withheld from everybody and lent to this attack, in the words of its manifest.
    pub lends: Vec<String>,
    /// The host's name.
    pub hostname: String,
    /// The victims to start.
    pub victims: Vec<Victim>,
    /// The keys for the session keyring: plant, description, payload.
    pub keys: Vec<(String, String, String)>,
    /// How many control groups to join.
    pub joins: usize,
    /// They bound memory and processes; else the lab's first process sets resource limits.
    pub bounded: bool,
    /// Show the lab's own control groups in `/sys/fs/cgroup`, as a host does.
    pub groups: bool,
    /// The front end gets a terminal; its two ends come back with [`LabEvent::Ready`].
    pub terminal: bool,
    /// The front end.
    pub frontend: Command,
}

/// A program to start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Command {
    /// The program and its arguments; the events' descriptor number is appended.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub cwd: String,
    /// As whom it runs, and the victims beside it: uid and group.
    pub caller: (u32, u32),
}

/// A process that sits in the lab and is worth attacking.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Victim {
    /// The plant.
    pub plant: String,
    /// Its `argv[0]` and `comm`.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// A text on its heap.
    pub memory: String,
    /// A file that it has open as its standard output.
    pub open: Option<String>,
}

/// What the harness tells the lab later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum LabCommand {
    /// Start the front end.
    Start,
    /// Start a shell for somebody who looks around. With it come its standard input, output and
    /// error, and the end of a pipe that is closed once it has ended.
    Shell(Command),
}

/// What the lab tells the harness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LabEvent {
    /// It could not be built: one sentence.
    Failed(String),
    /// It is built, and its victims live. With it come a `/proc` for the harness and, where the
    /// front end has one, the two ends of its terminal.
    Ready {
        /// The victims.
        victims: Vec<Living>,
        /// The keys: plant and serial number.
        keys: Vec<(String, i64)>,
    },
    /// The front end runs.
    Started {
        /// Its number within the lab.
        pid: i32,
    },
    /// The front end has ended.
    Ended {
        /// Its exit status, when it left by itself.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
    },
    /// A victim has ended.
    VictimEnded {
        /// Its plant.
        plant: String,
        /// The signal that ended it, if it was one.
        signal: Option<i32>,
    },
}

/// A victim that is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Living {
    /// Its plant.
    pub plant: String,
    /// Its number within the lab.
    pub pid: i32,
    /// Where the text is on its heap.
    pub address: u64,
}

/// Sends one packet.
///
/// # Errors
/// Those of sendmsg(2).
pub fn send<M: Serialize>(
    socket: impl AsFd,
    message: &M,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    if text.len() > LONGEST || descriptors.len() > MOST_DESCRIPTORS {
        return Err(io::Error::other("the manifest's plants are too large for one lab"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(socket, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for one packet; `None` when the other side is gone.
///
/// # Errors
/// Those of recvmsg(2), and a packet that is not what was expected.
pub fn receive<M: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    take(socket, RecvFlags::CMSG_CLOEXEC)
}

/// The same, and leaves it for the next who asks, with descriptors of its own.
///
/// # Errors
/// Those of [`receive`].
pub fn peek<M: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    take(socket, RecvFlags::CMSG_CLOEXEC | RecvFlags::PEEK)
}

fn take<M: DeserializeOwned>(
    socket: impl AsFd,
    flags: RecvFlags,
) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    let mut text = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut control, flags)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    if got.bytes == 0 {
        return Ok(None);
    }
    let message = serde_json::from_slice(text.get(..got.bytes).unwrap_or_default())?;
    Ok(Some((message, descriptors)))
}
