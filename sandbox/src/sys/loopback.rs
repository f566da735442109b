//! Bringing up the loopback device of the current network namespace: `netdevice(7)`.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// `IFF_UP` and `IFF_RUNNING` of `netdevice(7)`, in the width that ifreq has for them.
const UP_AND_RUNNING: libc::c_short = 0x1 | 0x40;

/// Sets the device `lo` up; the kernel then gives it 127.0.0.1/8 and `::1`.
///
/// # Errors
/// The errno of `socket(2)` or of SIOCSIFFLAGS: EPERM without `CAP_NET_ADMIN` over the namespace.
#[expect(unsafe_code, reason = "neither nix nor rustix offers SIOCSIFFLAGS")]
pub fn bring_up() -> Result<(), Errno> {
    let socket: OwnedFd =
        socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: ifreq is plain data, for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = libc::c_char::from_ne_bytes([*byte]);
    }
    request.ifr_ifru.ifru_flags = UP_AND_RUNNING;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, and `request` is one with a name that ends with NUL.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if answer == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
    }
}
