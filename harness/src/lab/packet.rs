//! What comes to a socket that takes packets one by one.
#![forbid(unsafe_code)]

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{MsgFlags, recv};

/// The next packet, with the headers that the family shows; `None` when there is none.
#[must_use]
pub fn receive(socket: &OwnedFd) -> Option<Vec<u8>> {
    let mut packet = vec![0; 64 * 1024];
    let length = recv(socket.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT).ok()?;
    packet.truncate(length);
    Some(packet)
}
