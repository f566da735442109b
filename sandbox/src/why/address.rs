//! Addresses of sockets, as programs hand them to the kernel (`sockaddr(3type)`).
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// The longest address that is read, in bytes: that of a socket in the file system.
pub(super) const LONGEST: usize = 110;

/// Where a socket was to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket in the file system.
    Path(PathBuf),
    /// An address of the internet.
    Network(String),
}

/// The address in these bytes; none where it is of another kind.
pub(super) fn read(bytes: &[u8]) -> Option<Address> {
    const UNIX: u16 = 1;
    const INTERNET: u16 = 2;
    const INTERNET_6: u16 = 10;
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    match u16::from_ne_bytes(*family) {
        UNIX => {
            // One that begins with a zero has no path.
            let path = rest.split(|byte| *byte == 0).next().filter(|path| !path.is_empty())?;
            Some(Address::Path(PathBuf::from(OsStr::from_bytes(path))))
        }
        INTERNET => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let (address, _) = rest.split_first_chunk::<4>()?;
            Some(network(Ipv4Addr::from_octets(*address).into(), *port))
        }
        INTERNET_6 => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let (_, rest) = rest.split_first_chunk::<4>()?;
            let (address, _) = rest.split_first_chunk::<16>()?;
            Some(network(Ipv6Addr::from_octets(*address).into(), *port))
        }
        _ => None,
    }
}

fn network(address: std::net::IpAddr, port: [u8; 2]) -> Address {
    Address::Network(SocketAddr::new(address, u16::from_be_bytes(port)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_reads_them() {
        let of = |family: u16, rest: &[u8]| read(&[&family.to_ne_bytes(), rest].concat());
        let network = |text: &str| Some(Address::Network(text.to_owned()));
        assert_eq!(of(2, &[1, 187, 192, 0, 2, 1, 0, 0]), network("192.0.2.1:443"));
        let mut six = vec![0, 80, 0, 0, 0, 0];
        six.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(of(10, &six), network("[2001:db8::1]:80"));
        assert_eq!(of(1, b"/run/x.sock\0\0"), Some(Address::Path("/run/x.sock".into())));
        assert_eq!(of(1, b"/run/x.sock"), Some(Address::Path("/run/x.sock".into())));
        for short in
            [of(1, b"\0abstract"), of(1, b""), of(2, &[0]), of(10, &six[..9]), of(16, &[0; 20])]
        {
            assert_eq!(short, None);
        }
        assert_eq!(read(&[1]), None);
    }
}
