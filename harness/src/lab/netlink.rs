//! Netlink between processes (`NETLINK_USERSOCK`): a way to talk that is no network device.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname,
    sendto, socket,
};

/// The group that a listener is in, beside having a port.
pub const GROUP: u32 = 1;

fn open() -> io::Result<OwnedFd> {
    Ok(socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkUserSock,
    )?)
}

/// A socket of the calling thread's network namespace that hears the group; and its port.
///
/// # Errors
/// Those of netlink(7).
pub fn listen() -> io::Result<(OwnedFd, u32)> {
    let socket = open()?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUP))?;
    let address: NetlinkAddr = getsockname(socket.as_raw_fd())?;
    Ok((socket, address.pid()))
}

/// Sends `bytes` to a port.
///
/// # Errors
/// Those of netlink(7).
pub fn send(port: u32, bytes: &[u8]) -> io::Result<()> {
    let address = NetlinkAddr::new(port, 0);
    Ok(sendto(open()?.as_raw_fd(), bytes, &address, MsgFlags::empty()).map(drop)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::packet::receive;

    #[test]
    fn what_is_sent_to_the_port_arrives() {
        let (listener, port) = listen().unwrap();
        assert_eq!(receive(&listener), None);
        send(port, b"word").unwrap();
        assert_eq!(receive(&listener).as_deref(), Some(&b"word"[..]));
    }
}
