//! The listeners among the plants: bound before the lab, served by a thread outside.
#![forbid(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::listeners::{Answer as Said, Listener, Socket};
use super::super::root::Root;
use super::super::{dns, icmp, netlink, network};
use super::{PlantInstaller, Planted};
use crate::catalogue::attack::PlantKind;

/// The first TCP sink's port, and the first UDP sink's.
const PORTS: (u16, u16) = (8001, 9001);
/// What the metadata service answers to.
const METADATA_PATH: &str = "/latest/meta-data/iam/security-credentials/build-role";

impl PlantInstaller<'_> {
    pub(super) fn listener(&self, planted: &mut Planted) -> io::Result<Value> {
        let nth = u16::try_from(planted.listeners.len()).map_err(io::Error::other)?;
        let canary = || self.canary.to_owned();
        let (socket, answer, fact) = match &self.plant.kind {
            PlantKind::TcpListener => {
                let address = (network::SINK, PORTS.0 + nth);
                let socket = Socket::Tcp(TcpListener::bind(address)?);
                (socket, Said::Nothing, json!({ "address": address.0, "port": address.1 }))
            }
            PlantKind::Tcp6Listener => {
                let address = (network::SINK6, PORTS.0 + nth);
                let socket = Socket::Tcp(TcpListener::bind(address)?);
                (socket, Said::Nothing, json!({ "address": address.0, "port": address.1 }))
            }
            PlantKind::LoopbackListener => {
                let address = (Ipv4Addr::LOCALHOST, PORTS.0 + nth);
                let socket = Socket::Tcp(TcpListener::bind(address)?);
                let fact = json!({ "address": address.0, "port": address.1 });
                (socket, Said::Bytes(canary().into()), fact)
            }
            PlantKind::NetlinkListener => {
                let (socket, port) = netlink::listen()?;
                let fact = json!({ "port": port, "group": netlink::GROUP });
                (Socket::Netlink(socket), Said::Nothing, fact)
            }
            PlantKind::UdpListener => {
                let address = (network::SINK, PORTS.1 + nth);
                let socket = Socket::Udp(UdpSocket::bind(address)?);
                (socket, Said::Nothing, json!({ "address": address.0, "port": address.1 }))
            }
            PlantKind::IcmpListener => {
                let socket = Socket::Icmp(icmp::listen(network::SINK)?);
                (socket, Said::Nothing, json!({ "address": network::SINK }))
            }
            PlantKind::DnsResolver => {
                let address = (network::RESOLVER, 53);
                // Bound to the address itself: an answer from another one would be dropped.
                let socket = Socket::Udp(UdpSocket::bind(address)?);
                let fact = json!({
                    "address": address.0, "port": address.1, "domain": dns::DOMAIN
                });
                (socket, Said::Name(canary()), fact)
            }
            PlantKind::MetadataService => {
                let address = (network::METADATA, 80);
                let socket = Socket::Tcp(TcpListener::bind(address)?);
                let fact = json!({
                    "address": address.0, "port": address.1, "path": METADATA_PATH
                });
                (socket, Said::ReplyThenClose(credentials(self.canary)), fact)
            }
            PlantKind::UnixListener { path, mode } => {
                let path = self.path(path, planted);
                let socket = bind_beneath(self.root, &path)?;
                self.root.set_mode(&path, *mode)?;
                (Socket::Unix(socket), Said::Bytes(canary().into()), json!({ "path": path }))
            }
            PlantKind::AbstractListener => {
                let name = format!("bulkhead-{}-{nth}", self.secrets.nonce);
                let address = SocketAddr::from_abstract_name(&name)?;
                let socket = Socket::Unix(UnixListener::bind_addr(&address)?);
                (socket, Said::Bytes(canary().into()), json!({ "name": name }))
            }
            other => {
                let what = format!("nobody knows how to put a `{}` in place", other.name());
                return Err(io::Error::other(what));
            }
        };
        let answer = match &self.plant.answer {
            None => answer,
            Some(told) if told.http => {
                Said::ReplyThenClose(response(&self.fill(&told.text, planted)))
            }
            Some(told) => Said::Bytes(self.fill(&told.text, planted).into()),
        };
        planted.listeners.push(Listener { plant: self.plant.id.clone(), socket, answer });
        Ok(fact)
    }
}

/// Binds a socket at a path of the lab. The directory is reached through its descriptor, since
/// no path of the harness leads to the lab's mounts.
fn bind_beneath(root: &Root, path: &Path) -> io::Result<UnixListener> {
    let (parent, name) = path
        .parent()
        .zip(path.file_name())
        .ok_or_else(|| io::Error::other("a socket needs a name"))?;
    let parent = root.directory_made(parent)?;
    UnixListener::bind(through(parent.as_raw_fd()).join(name))
}

/// The path by which this process reaches one of its own descriptors.
fn through(descriptor: i32) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{descriptor}"))
}

/// An answer of a metadata service.
fn credentials(canary: &str) -> Vec<u8> {
    let body = json!({
        "Code": "Success",
        "AccessKeyId": "ASIABULKHEADLAB",
        "SecretAccessKey": canary,
        "Token": canary,
    });
    response(&body.to_string())
}

/// An HTTP response with this body, for whoever asks for whatever.
fn response(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
