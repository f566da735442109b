//! Puts the victim state of a manifest in place, with a fresh canary for every plant.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_open, mq_send};
use nix::sys::stat::Mode;
use sandbox::sys::sysv::Segment;
use serde_json::{Value, json};

use super::ears::{Answer, Ear, Socket};
use super::layout::{Interpreter, fill};
use super::root::Root;
use super::wire::Victim;
use super::{LabError, at_step, dns, network};
use crate::catalogue::attack::{Attack, Plant, PlantKind};

/// What makes a trial unlike any other: its nonce, and a canary for every plant.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Sixteen hexadecimal digits; the build may know it.
    pub nonce: String,
    /// The canaries by plant; the build may not.
    pub canaries: BTreeMap<String, String>,
}

/// What is in place before the lab's first process.
#[derive(Debug, Default)]
pub struct Planted {
    /// What the build is told of each plant.
    pub facts: BTreeMap<String, Value>,
    /// The listeners, bound.
    pub ears: Vec<Ear>,
    /// The victims to start.
    pub victims: Vec<Victim>,
    /// The keys to add: plant, description, payload.
    pub keys: Vec<(String, String, String)>,
    /// The variables of the front end.
    pub variables: Vec<(String, String)>,
    /// The shared memory segments.
    pub segments: BTreeMap<String, Segment>,
    /// The queues; they live as long as their namespace, the descriptors only keep them open.
    pub queues: Vec<MqdT>,
    /// The host's name, where the manifest makes it a plant.
    pub hostname: Option<String>,
    /// Where each plant with a path lies.
    pub paths: BTreeMap<String, PathBuf>,
}

/// The first TCP sink's port, and the first UDP sink's.
const PORTS: (u16, u16) = (8001, 9001);
/// What the metadata service answers to.
const METADATA_PATH: &str = "/latest/meta-data/iam/security-credentials/build-role";

impl Cast {
    /// A cast for one trial of `attack`.
    ///
    /// # Errors
    /// When the kernel has no random numbers.
    pub fn of(attack: &Attack) -> Result<Self, LabError> {
        let mut canaries = BTreeMap::new();
        for plant in &attack.plants {
            canaries.insert(plant.id.clone(), format!("bhcanary{}", random()?));
        }
        Ok(Self { nonce: random()?, canaries })
    }

    /// The canary of a plant.
    #[must_use]
    pub fn canary(&self, plant: &str) -> &str {
        self.canaries.get(plant).map_or("", String::as_str)
    }
}

/// Sixteen fresh hexadecimal digits.
fn random() -> Result<String, LabError> {
    let number = getrandom::u64()
        .map_err(|error| LabError::Network(format!("no random numbers: {error}")))?;
    Ok(format!("{number:016x}"))
}

/// Plants everything that the manifest lists; the calling thread is in the lab's network and IPC
/// namespaces.
///
/// # Errors
/// An error that names the plant.
pub fn plant(
    attack: &Attack,
    cast: &Cast,
    root: &Root,
    interpreter: &Interpreter,
) -> Result<Planted, LabError> {
    let mut planted = Planted::default();
    for plant in &attack.plants {
        let canary = cast.canary(&plant.id);
        let gardener = Gardener { plant, canary, cast, root, interpreter };
        at_step(&format!("plant {}", plant.id), gardener.plant(&mut planted))?;
    }
    Ok(planted)
}

/// One plant, and all that is needed to put it in place.
struct Gardener<'a> {
    plant: &'a Plant,
    canary: &'a str,
    cast: &'a Cast,
    root: &'a Root,
    interpreter: &'a Interpreter,
}

impl Gardener<'_> {
    fn plant(&self, planted: &mut Planted) -> io::Result<()> {
        let fact = match &self.plant.kind {
            PlantKind::File { path, mode, content } => {
                let path = self.path(path, planted);
                self.root.write(&path, *mode, self.fill(content).as_bytes())?;
                json!({ "path": path })
            }
            PlantKind::Directory { path, mode } => {
                let path = self.path(path, planted);
                self.root.directory_made(&path)?;
                self.root.set_mode(&path, *mode)?;
                json!({ "path": path })
            }
            PlantKind::Variable { name, value } => {
                planted.variables.push((name.clone(), self.fill(value)));
                json!({ "name": name })
            }
            PlantKind::Process { .. } => self.victim(planted),
            PlantKind::SessionKey => {
                let description = format!("bulkhead:{}", self.cast.nonce);
                planted.keys.push((
                    self.plant.id.clone(),
                    description.clone(),
                    self.canary.to_owned(),
                ));
                json!({ "description": description })
            }
            PlantKind::Hostname => {
                planted.hostname = Some(self.canary.to_owned());
                json!({})
            }
            PlantKind::SysvShm => self.segment(planted)?,
            PlantKind::MessageQueue => self.queue(planted)?,
            PlantKind::TcpListener
            | PlantKind::UdpListener
            | PlantKind::DnsResolver
            | PlantKind::MetadataService
            | PlantKind::UnixListener { .. }
            | PlantKind::AbstractListener => self.listener(planted)?,
        };
        planted.facts.insert(self.plant.id.clone(), fact);
        Ok(())
    }

    fn fill(&self, template: &str) -> String {
        fill(template, self.interpreter, self.canary)
    }

    fn path(&self, template: &str, planted: &mut Planted) -> PathBuf {
        let path = PathBuf::from(self.fill(template));
        planted.paths.insert(self.plant.id.clone(), path.clone());
        path
    }

    /// A victim is started later; its number is not known yet.
    fn victim(&self, planted: &mut Planted) -> Value {
        let PlantKind::Process { name, args, env, memory } = &self.plant.kind else {
            return Value::Null;
        };
        planted.victims.push(Victim {
            plant: self.plant.id.clone(),
            name: name.clone(),
            args: args.iter().map(|arg| self.fill(arg)).collect(),
            env: env.iter().map(|(key, value)| (key.clone(), self.fill(value))).collect(),
            memory: self.fill(memory.as_deref().unwrap_or("{canary}")),
        });
        json!({ "name": name })
    }

    fn segment(&self, planted: &mut Planted) -> io::Result<Value> {
        // The namespace is new, so any number is free; a positive one is no IPC_PRIVATE.
        let key = 0x4248_0000 + i32::try_from(planted.segments.len()).unwrap_or_default();
        let segment = Segment::create(key, 4096, 0o666)?;
        segment.write(self.canary.as_bytes());
        let fact = json!({ "id": segment.id(), "key": key, "size": segment.size() });
        planted.segments.insert(self.plant.id.clone(), segment);
        Ok(fact)
    }

    fn queue(&self, planted: &mut Planted) -> io::Result<Value> {
        let name = format!("/bulkhead-{}-{}", self.cast.nonce, planted.queues.len());
        let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR | MQ_OFlag::O_NONBLOCK;
        let mode = Mode::from_bits_truncate(0o666);
        let queue = mq_open(name.as_str(), flags, mode, Some(&MqAttr::new(0, 8, 512, 0)))?;
        mq_send(&queue, self.canary.as_bytes(), 0)?;
        planted.queues.push(queue);
        Ok(json!({ "name": name }))
    }

    fn listener(&self, planted: &mut Planted) -> io::Result<Value> {
        let nth = u16::try_from(planted.ears.len()).map_err(io::Error::other)?;
        let canary = || self.canary.to_owned();
        let (socket, answer, fact) = match &self.plant.kind {
            PlantKind::TcpListener => {
                let address = (network::SINK, PORTS.0 + nth);
                let socket = Socket::Tcp(TcpListener::bind(address)?);
                (socket, Answer::Nothing, json!({ "address": address.0, "port": address.1 }))
            }
            PlantKind::UdpListener => {
                let address = (network::SINK, PORTS.1 + nth);
                let socket = Socket::Udp(UdpSocket::bind(address)?);
                (socket, Answer::Nothing, json!({ "address": address.0, "port": address.1 }))
            }
            PlantKind::DnsResolver => {
                let address = (network::RESOLVER, 53);
                // Bound to the address itself: an answer from another one would be dropped.
                let socket = Socket::Udp(UdpSocket::bind(address)?);
                let fact = json!({
                    "address": address.0, "port": address.1, "domain": dns::DOMAIN
                });
                (socket, Answer::Name(canary()), fact)
            }
            PlantKind::MetadataService => {
                let address = (network::METADATA, 80);
                let socket = Socket::Tcp(TcpListener::bind(address)?);
                let fact = json!({
                    "address": address.0, "port": address.1, "path": METADATA_PATH
                });
                (socket, Answer::Farewell(credentials(self.canary)), fact)
            }
            PlantKind::UnixListener { path, mode } => {
                let path = self.path(path, planted);
                let socket = bind_beneath(self.root, &path)?;
                self.root.set_mode(&path, *mode)?;
                (Socket::Unix(socket), Answer::Bytes(canary().into()), json!({ "path": path }))
            }
            _ => {
                let name = format!("bulkhead-{}-{nth}", self.cast.nonce);
                let address = SocketAddr::from_abstract_name(&name)?;
                let socket = Socket::Unix(UnixListener::bind_addr(&address)?);
                (socket, Answer::Bytes(canary().into()), json!({ "name": name }))
            }
        };
        planted.ears.push(Ear { plant: self.plant.id.clone(), socket, answer });
        Ok(fact)
    }
}

/// Binds a socket at a path of the lab. The directory is reached through its descriptor, since
/// the lab's mounts are attached nowhere.
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
    })
    .to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
