//! Documents, and a descriptor with them, between a program and the `bulkhead` that launches for it.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
};

/// The longest document that is read, in bytes.
const LONGEST: u64 = 64 << 20;

/// What stands before every document: its length.
type Header = [u8; size_of::<u64>()];

/// One end of a socket for documents. Its end is seen by the other side, so it is a lifeline too.
#[derive(Debug)]
pub struct Channel(UnixStream);

impl Channel {
    /// The two ends.
    ///
    /// # Errors
    /// Those of `socketpair(2)`.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (here, there) = UnixStream::pair()?;
        Ok((Self(here), Self(there)))
    }

    /// Sends a document, and a copy of `descriptor` with it. Never raises SIGPIPE.
    ///
    /// # Errors
    /// Those of `sendmsg(2)`: EPIPE once the other end is gone.
    pub fn send(&self, document: &str, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.map(|descriptor| [descriptor]);
        if let Some(descriptors) = &descriptors {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let mut rest = document.as_bytes();
        let length = u64::try_from(rest.len()).unwrap_or(u64::MAX);
        let header: Header = length.to_le_bytes();
        sendmsg(&self.0, &[IoSlice::new(&header)], &mut control, SendFlags::NOSIGNAL)?;
        while !rest.is_empty() {
            match send(&self.0, rest, SendFlags::NOSIGNAL) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Waits for a document; `None` once the other end is gone.
    ///
    /// # Errors
    /// Those of `recvmsg(2)`; invalid data for what is no document, or a longer one than 64 MiB.
    pub fn receive(&self) -> io::Result<Option<(String, Option<OwnedFd>)>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut header: Header = [0; size_of::<Header>()];
        let bytes = loop {
            let parts = &mut [IoSliceMut::new(&mut header)];
            match recvmsg(&self.0, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) => return Ok(None),
                other => break other?.bytes,
            }
        };
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let length = u64::from_le_bytes(header);
        if bytes == 0 {
            return Ok(None);
        }
        if bytes != header.len() || length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut document = String::new();
        let read = (&self.0).take(length).read_to_string(&mut document)?;
        // The other end has died in the middle of it.
        let whole = u64::try_from(read).is_ok_and(|read| read == length);
        Ok(whole.then_some((document, descriptor)))
    }

    /// Lets the other side see the end of this one, from which it can still be heard.
    pub fn end(&self) {
        // It fails only where the other side is gone already.
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Channel {
    fn from(socket: OwnedFd) -> Self {
        Self(socket.into())
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_descriptors_arrive_in_order() {
        let (here, there) = Channel::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        here.send("first", Some(file.as_fd())).unwrap();
        here.send("", None).unwrap();
        let (document, descriptor) = there.receive().unwrap().unwrap();
        assert_eq!(document, "first");
        assert!(descriptor.is_some());
        let (document, descriptor) = there.receive().unwrap().unwrap();
        assert!(document.is_empty() && descriptor.is_none());
    }

    #[test]
    fn the_end_is_seen_and_the_other_direction_stays_open() {
        let (here, there) = Channel::pair().unwrap();
        here.end();
        assert!(there.receive().unwrap().is_none());
        there.send("still", None).unwrap();
        assert_eq!(here.receive().unwrap().unwrap().0, "still");
        drop(there);
        assert!(here.receive().unwrap().is_none());
        assert!(here.send("nobody", None).is_err());
    }

    #[test]
    fn what_is_no_document_is_an_error_and_half_a_one_is_the_end() {
        for bytes in [&[1, 2, 3][..], &u64::MAX.to_le_bytes()] {
            let (here, there) = Channel::pair().unwrap();
            rustix::io::write(&here, bytes).unwrap();
            assert_eq!(there.receive().unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let (here, there) = Channel::pair().unwrap();
        rustix::io::write(&here, &5_u64.to_le_bytes()).unwrap();
        rustix::io::write(&here, b"ab").unwrap();
        drop(here);
        assert!(there.receive().unwrap().is_none());
    }
}
