//! Echo requests of ICMP: what a ping carries along, which hardly anybody looks at.
#![forbid(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{MsgFlags, SockaddrIn, sendto};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, socket_with};

/// Type, code, checksum, identifier and number of an echo request. Whoever listens on a raw socket
/// gets it before anybody looks at the checksum.
const ECHO: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 0];

fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::INET, SocketType::RAW, flags, Some(ipproto::ICMP))?)
}

/// A socket of the calling thread's network namespace that hears what is sent to `address`.
///
/// # Errors
/// Those of raw(7).
pub fn listen(address: Ipv4Addr) -> io::Result<OwnedFd> {
    let socket = open()?;
    bind(&socket, &SocketAddrV4::new(address, 0))?;
    Ok(socket)
}

/// Sends an echo request with `bytes` to an address.
///
/// # Errors
/// Those of raw(7).
pub fn send(address: Ipv4Addr, bytes: &[u8]) -> io::Result<()> {
    let packet = [&ECHO, bytes].concat();
    let address = SockaddrIn::from(SocketAddrV4::new(address, 0));
    Ok(sendto(open()?.as_raw_fd(), &packet, &address, MsgFlags::empty()).map(drop)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::packet::receive;

    #[test]
    fn what_is_sent_along_arrives() {
        let Ok(listener) = listen(Ipv4Addr::LOCALHOST) else {
            // Only root has raw sockets; the lab's own tests need root anyway.
            assert!(!rustix::process::geteuid().is_root(), "root has raw sockets");
            return;
        };
        send(Ipv4Addr::LOCALHOST, b"a word of this test").unwrap();
        let heard = std::iter::from_fn(|| receive(&listener));
        assert!(heard.take(64).any(|packet| packet.ends_with(b"a word of this test")));
    }
}
