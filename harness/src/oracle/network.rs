//! network: did the trial's nonce reach a listener?
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use sandbox::plain::plural;
use serde_json::Value;

use super::encodings::{contains, encodings};
use super::evidence::Evidence;
use crate::catalogue::attack::PlantKind;
use crate::lab::dns;
use crate::lab::icmp;
use crate::lab::listeners::Hearing;
use crate::lab::netlink;
use crate::lab::root::Root;

/// How long a listener may take to notice a probe, on an ordinary machine: longer than TCP waits before it tries again, since
/// on a busy machine the first packet may come to a network that is not quite up.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// What the listener `plant` got.
#[must_use]
pub fn reached(evidence: &Evidence, plant: &str) -> Option<String> {
    let needles = encodings(&evidence.nonce);
    let heard = evidence.heard.iter().find(|heard| {
        heard.plant == plant && needles.iter().any(|needle| contains(&heard.bytes, needle))
    })?;
    Some(format!("{plant} heard the trial's nonce in {}", plural(heard.bytes.len(), "byte")))
}

/// Knocks at a listener from within the lab's network; the reason when it does not hear.
#[must_use]
pub fn self_test(
    plant: &str,
    kind: &PlantKind,
    facts: &Value,
    root: &Root,
    hearing: &Hearing,
    patience: Duration,
) -> Option<String> {
    let word = format!("connect_to-{}", plant.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    let word = word.to_ascii_lowercase();
    match connect_to(kind, facts, root, &word, patience) {
        Err(reason) => Some(format!("{plant} cannot be reached: {reason}")),
        Ok(()) if hearing.hears(plant, word.as_bytes(), patience) => None,
        Ok(()) => Some(format!("{plant} is deaf: it does not log a probe")),
    }
}

/// Sends `word` the way that an attack would.
fn connect_to(
    kind: &PlantKind,
    facts: &Value,
    root: &Root,
    word: &str,
    patience: Duration,
) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    match kind {
        PlantKind::TcpListener
        | PlantKind::Tcp6Listener
        | PlantKind::LoopbackListener
        | PlantKind::MetadataService => {
            let address = address(facts)?;
            let mut stream = TcpStream::connect_timeout(&address, patience).map_err(said)?;
            // In one write: a listener that answers hangs up after the first.
            stream.write_all(format!("GET /{word} HTTP/1.0\r\n\r\n").as_bytes()).map_err(said)
        }
        PlantKind::UdpListener | PlantKind::DnsResolver => {
            let packet = match kind {
                PlantKind::DnsResolver => dns::ask(&format!("{word}.{}", dns::DOMAIN)),
                _ => word.as_bytes().to_vec(),
            };
            let address = address(facts)?;
            let socket = UdpSocket::bind(("0.0.0.0", 0)).map_err(said)?;
            socket.send_to(&packet, address).map(drop).map_err(said)
        }
        PlantKind::IcmpListener => {
            let address = text(facts, "address")?;
            let address = address.parse().map_err(|error| format!("{address}: {error}"))?;
            icmp::send(address, word.as_bytes()).map_err(said)
        }
        PlantKind::NetlinkListener => netlink::send(port(facts)?, word.as_bytes()).map_err(said),
        PlantKind::UnixListener { .. } => {
            let path = Path::new(text(facts, "path")?);
            let (parent, name) = path.parent().zip(path.file_name()).ok_or("it has no name")?;
            let parent = root.directory(parent).map_err(said)?;
            // No path of the harness leads to the lab's mounts; the directory's descriptor does.
            let through = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string());
            let mut stream = UnixStream::connect(through.join(name)).map_err(said)?;
            stream.write_all(word.as_bytes()).map_err(said)
        }
        PlantKind::AbstractListener => {
            let name = text(facts, "name")?;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name).map_err(said)?;
            let mut stream = UnixStream::connect_addr(&address).map_err(said)?;
            stream.write_all(word.as_bytes()).map_err(said)
        }
        _ => Err("it is no listener".to_owned()),
    }
}

fn text<'a>(facts: &'a Value, key: &str) -> Result<&'a str, String> {
    facts.get(key).and_then(Value::as_str).ok_or_else(|| format!("it has no {key}"))
}

fn address(facts: &Value) -> Result<SocketAddr, String> {
    let address = text(facts, "address")?;
    let address: IpAddr = address.parse().map_err(|error| format!("{address}: {error}"))?;
    Ok(SocketAddr::new(address, u16::try_from(port(facts)?).map_err(|error| error.to_string())?))
}

fn port(facts: &Value) -> Result<u32, String> {
    let port = facts.get("port").and_then(Value::as_u64).ok_or("it has no port")?;
    u32::try_from(port).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::lab::layout::Interpreter;
    use crate::lab::listeners::{Answer, Heard, Listener, Listeners, Socket};

    const SHORT: Duration = Duration::from_millis(500);

    #[test]
    fn a_listener_that_heard_something_else_was_not_reached() {
        let interpreter = Interpreter { program: "/p".into(), site: "/s".into(), home: "/root" };
        let mut evidence = Evidence::none(interpreter);
        evidence.nonce = "0123456789abcdef".to_owned();
        let heard = |bytes: &[u8]| Heard { plant: "sink".to_owned(), bytes: bytes.to_vec() };
        evidence.heard = vec![heard(b"GET / HTTP/1.0")];
        assert_eq!(reached(&evidence, "sink"), None);
        evidence.heard.push(heard(b"x=0123456789abcdef"));
        assert!(reached(&evidence, "sink").is_some());
        assert_eq!(reached(&evidence, "other"), None);
    }

    #[test]
    fn a_listener_that_nobody_serves_is_deaf() {
        let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let facts = serde_json::json!({ "address": "127.0.0.1", "port": port });
        let root = Root::default();
        let test = |hearing: &Hearing| {
            self_test("sink", &PlantKind::TcpListener, &facts, &root, hearing, SHORT)
        };
        // The kernel accepts the connection all the same.
        assert!(test(&Hearing::default()).unwrap().contains("sink is deaf"));
        let listener = Listener {
            plant: "sink".to_owned(),
            socket: Socket::Tcp(socket),
            answer: Answer::Nothing,
        };
        let listeners = Listeners::open(vec![listener]).unwrap();
        assert_eq!(test(listeners.hearing()), None);
    }

    #[test]
    fn a_listener_that_is_not_there_cannot_be_reached() {
        let facts = serde_json::json!({ "address": "127.0.0.1", "port": 1 });
        let hearing = Hearing::default();
        let failure =
            self_test("sink", &PlantKind::TcpListener, &facts, &Root::default(), &hearing, SHORT);
        assert!(failure.unwrap().contains("cannot be reached"));
    }
}
