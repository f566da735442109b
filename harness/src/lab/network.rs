//! The lab's network: loopback with the documentation addresses, and no way out.
#![forbid(unsafe_code)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use rustix::fs::CWD;
use sandbox::host::kernel_file::read_text;

/// The TCP and UDP sinks.
pub const SINK: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// The resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
/// Where clouds keep their metadata service.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The sinks again, for those who speak IPv6.
pub const SINK6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
/// A documentation address that nobody has: nothing may lead there.
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 255);

/// `lo` is the first interface of every network namespace.
const LOOPBACK: i32 = 1;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const NLMSG_ERROR: u16 = 2;
/// A request for an answer that makes something new, or fails: `NLM_F_…`.
const CREATE: u16 = 0x605;
/// A request for an answer.
const CHANGE: u16 = 0x5;
const IFF_UP: u32 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// Duplicate address detection would keep a new IPv6 address unusable for a second.
const IFA_F_NODAD: u8 = 2;

/// Brings up `lo` of the calling thread's network namespace and gives it the lab's addresses.
///
/// # Errors
/// Those of netlink(7) and rtnetlink(7).
pub fn raise() -> io::Result<()> {
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    // struct ifinfomsg: family and padding, type, index, flags, mask of flags to change
    let mut link = vec![0; 4];
    link.extend(LOOPBACK.to_ne_bytes());
    link.extend(IFF_UP.to_ne_bytes());
    link.extend(IFF_UP.to_ne_bytes());
    ask(&netlink, RTM_NEWLINK, CHANGE, &link)?;
    for address in [SINK, RESOLVER, METADATA] {
        ask(&netlink, RTM_NEWADDR, CREATE, &address_message(IpAddr::V4(address)))?;
    }
    let six = ask(&netlink, RTM_NEWADDR, CREATE, &address_message(IpAddr::V6(SINK6)));
    // IPv6 may be switched off or not compiled in; trials that need it say so themselves.
    six.or_else(|error| if is_absent(&error) { Ok(()) } else { Err(error) })
}

/// Lets everybody listen on low ports in the calling thread's network, as engines do in those of
/// their containers.
///
/// # Errors
/// Those of open(2) and write(2).
pub fn open_ports() -> io::Result<()> {
    std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")
}

/// Whether the kernel says that it has no IPv6.
fn is_absent(error: &io::Error) -> bool {
    [nix::libc::EACCES, nix::libc::EPERM, nix::libc::EOPNOTSUPP, nix::libc::EAFNOSUPPORT]
        .iter()
        .any(|code| error.raw_os_error() == Some(*code))
}

/// Proves that the calling thread is in a network namespace of its own, without a way out.
///
/// # Errors
/// A sentence that says what is wrong with the network.
pub fn prove_closed() -> Result<(), String> {
    let of = |path: &str| std::fs::read_link(path).map_err(|error| format!("{path}: {error}"));
    if of("/proc/self/ns/net")? == of("/proc/thread-self/ns/net")? {
        return Err("the lab shares the network of the harness".to_owned());
    }
    let read =
        |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let devices = read("/proc/thread-self/net/dev")?;
    let foreign = devices.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim);
    // The kernel may put tunnel devices into every namespace; they are down and lead nowhere.
    if let Some(device) = foreign.into_iter().find(|name| *name != "lo" && is_up(name)) {
        return Err(format!("the lab has the network device {device}"));
    }
    if read("/proc/thread-self/net/route")?.lines().skip(1).any(|line| !line.starts_with("lo\t")) {
        return Err("the lab has a route that does not end at loopback".to_owned());
    }
    // connect(2) of a datagram socket looks up the route and sends nothing.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(|error| error.to_string())?;
    match socket.connect((NOBODY, 9)) {
        Err(error) if error.raw_os_error() == Some(nix::libc::ENETUNREACH) => Ok(()),
        Err(error) => Err(format!("a route outwards cannot be ruled out: {error}")),
        Ok(()) => Err(format!("the lab has a route to {NOBODY}")),
    }
}

/// Whether a device of this thread's namespace is up; unknown counts as up.
fn is_up(device: &str) -> bool {
    let table = read_text(CWD, "/proc/thread-self/net/if_inet6").unwrap_or_default();
    let has_address = table.lines().any(|line| line.split_whitespace().last() == Some(device));
    let routes = read_text(CWD, "/proc/thread-self/net/route").unwrap_or_default();
    has_address || routes.lines().any(|line| line.split('\t').next() == Some(device))
}

/// struct ifaddrmsg (family, prefix length, flags, scope, index) and its two attributes.
fn address_message(address: IpAddr) -> Vec<u8> {
    let (family, prefix, flags, bytes) = match address {
        IpAddr::V4(four) => (nix::libc::AF_INET, 32, 0, four.octets().to_vec()),
        IpAddr::V6(six) => (nix::libc::AF_INET6, 128, IFA_F_NODAD, six.octets().to_vec()),
    };
    let mut message = vec![u8::try_from(family).unwrap_or_default(), prefix, flags, 0];
    message.extend(LOOPBACK.to_ne_bytes());
    for attribute in [IFA_LOCAL, IFA_ADDRESS] {
        let length = u16::try_from(bytes.len() + 4).unwrap_or_default();
        message.extend(length.to_ne_bytes());
        message.extend(attribute.to_ne_bytes());
        message.extend(&bytes);
    }
    message
}

/// Sends one request and waits for the kernel's answer.
fn ask(netlink: &OwnedFd, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len() + 16).map_err(io::Error::other)?;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Sequence number and port: there is only ever one request under way.
    message.extend([0; 8]);
    message.extend(body);
    let kernel = NetlinkAddr::new(0, 0);
    sendto(netlink.as_raw_fd(), &message, &kernel, MsgFlags::empty())?;
    let mut answer = [0; 1024];
    let got = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let answer = answer.get(..got).unwrap_or_default();
    // struct nlmsgerr follows the header of sixteen bytes: a negative error number.
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(io::Error::from_raw_os_error(-code)),
        _ => Err(io::Error::other("the kernel gave no answer over netlink")),
    }
}
