//! Mounts that are made in a mount namespace of a process's own, which ends when they are made.
#![forbid(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{WaitOptions, waitpid};
use rustix::thread::UnshareFlags;

use crate::sys::clone::{Side, clone_into, exit_at_once};
use crate::sys::mount::make_private;

/// Does `work` in a new mount namespace, of which nothing reaches any other, and gives the two
/// mounts that it has made; they are attached nowhere, or have lost their namespace.
///
/// The caller must have one thread only, and `work` do nothing but system calls: it goes on with a
/// copy of the caller.
///
/// # Errors
/// What `work` gives, or the errno of the call that failed: EPERM without `CAP_SYS_ADMIN`.
pub(super) fn make_apart(
    work: impl FnOnce() -> Result<[OwnedFd; 2], Errno>,
) -> Result<[OwnedFd; 2], Errno> {
    let (here, there) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let started = match clone_into(UnshareFlags::NEWNS)? {
        Side::Parent(started) => started,
        Side::Child => {
            let made = make_private().and_then(|()| work());
            let told = made.and_then(|made| send(&there, made.each_ref().map(AsFd::as_fd)));
            exit_at_once(told.err().map_or(0, Errno::raw_os_error))
        }
    };
    // Its end must be seen.
    drop(there);
    let made = receive(&here);
    let ended = waitpid(Some(started.pid), WaitOptions::empty())?;
    match ended.and_then(|(_, status)| status.exit_status()) {
        Some(0) => made,
        Some(errno) => Err(Errno::from_raw_os_error(errno)),
        None => Err(Errno::CHILD),
    }
}

fn send(socket: &OwnedFd, made: [BorrowedFd<'_>; 2]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&made));
    sendmsg(socket, &[IoSlice::new(b"m")], &mut control, SendFlags::NOSIGNAL).map(drop)
}

fn receive(socket: &OwnedFd) -> Result<[OwnedFd; 2], Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0; 1];
    loop {
        let parts = &mut [IoSliceMut::new(&mut byte)];
        match recvmsg(socket, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other.map(drop)?,
        }
    }
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptors: Vec<_> = descriptors.flatten().collect();
    descriptors.try_into().or(Err(Errno::BADMSG))
}
