//! The listeners of a lab: outside, in a thread of the harness, on sockets of the lab's network.
#![forbid(unsafe_code)]

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{dns, network, packet};

/// What reached a listener, in one connection or datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The listener.
    pub plant: String,
    /// What was sent, cut off at 64 KiB.
    pub bytes: Vec<u8>,
}

/// A listener before it listens.
#[derive(Debug)]
pub struct Listener {
    /// The plant.
    pub plant: String,
    /// The socket, bound.
    pub socket: Socket,
    /// What it answers.
    pub answer: Answer,
}

/// A bound socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(TcpListener),
    /// A stream socket of this host, with a path or an abstract name.
    Unix(UnixListener),
    /// UDP.
    Udp(UdpSocket),
    /// Netlink between processes.
    Netlink(OwnedFd),
    /// Echo requests.
    Icmp(OwnedFd),
}

/// What a listener answers to the first bytes of a peer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, and then it hangs up.
    ReplyThenClose(Vec<u8>),
    /// The address of the sink, or this text.
    Name(String),
}

/// The log that the listeners write and the oracles read.
#[derive(Clone, Debug, Default)]
pub struct Hearing(Arc<(Mutex<Vec<Heard>>, Condvar)>);

/// The thread of the listeners.
#[derive(Debug)]
pub struct Listeners {
    hearing: Hearing,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// No more than this is kept of one connection.
const KEPT: usize = 64 * 1024;
/// No more connections than this are held at a time; further ones wait.
const AT_ONCE: usize = 64;

impl Hearing {
    /// Everything that was heard so far.
    #[must_use]
    pub fn all(&self) -> Vec<Heard> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether listener `plant` hears `word` within `patience`.
    #[must_use]
    pub fn hears(&self, plant: &str, word: &[u8], patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut log = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if log.iter().any(|heard| heard.plant == plant && contains(&heard.bytes, word)) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            log = self.0.1.wait_timeout(log, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Starts a new entry and returns its number.
    fn begin(&self, plant: &str, bytes: &[u8]) -> usize {
        let mut log = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(Heard { plant: plant.to_owned(), bytes: bytes.to_vec() });
        self.0.1.notify_all();
        log.len() - 1
    }

    fn extend(&self, entry: usize, bytes: &[u8]) {
        let mut log = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heard) = log.get_mut(entry) {
            let room = KEPT.saturating_sub(heard.bytes.len());
            heard.bytes.extend(bytes.iter().take(room));
        }
        self.0.1.notify_all();
    }
}

impl Listeners {
    /// Lets the listeners listen, in a thread of their own.
    ///
    /// # Errors
    /// When the thread or its sockets cannot be set up.
    pub fn open(listeners: Vec<Listener>) -> io::Result<Self> {
        let hearing = Hearing::default();
        if listeners.is_empty() {
            return Ok(Self { hearing, stop: None, thread: None });
        }
        for listener in &listeners {
            listener.socket.set_nonblocking()?;
        }
        let (stop, stopped) = UnixStream::pair()?;
        let log = hearing.clone();
        let thread = std::thread::Builder::new()
            .name("listeners".to_owned())
            .spawn(move || Server { listeners, log, talks: Vec::new() }.serve(&stopped))?;
        Ok(Self { hearing, stop: Some(stop), thread: Some(thread) })
    }

    /// The log.
    #[must_use]
    pub const fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// Takes what is still on its way, stops listening, and returns everything heard.
    #[must_use]
    pub fn close(mut self) -> Vec<Heard> {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the listeners' thread was already reported by the self-tests.
            let _panicked = thread.join();
        }
        self.hearing.all()
    }
}

impl Socket {
    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nonblocking(true),
            Self::Unix(socket) => socket.set_nonblocking(true),
            Self::Udp(socket) => socket.set_nonblocking(true),
            // It was made so.
            Self::Netlink(_) | Self::Icmp(_) => Ok(()),
        }
    }

    fn accept(&self) -> io::Result<OwnedFd> {
        match self {
            Self::Tcp(socket) => {
                let (stream, _) = socket.accept()?;
                stream.set_nonblocking(true)?;
                Ok(stream.into())
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.accept()?;
                stream.set_nonblocking(true)?;
                Ok(stream.into())
            }
            Self::Udp(_) | Self::Netlink(_) | Self::Icmp(_) => {
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
            Self::Netlink(socket) | Self::Icmp(socket) => socket.as_fd(),
        }
    }
}

/// A connection under way.
struct Talk {
    stream: OwnedFd,
    entry: usize,
    answer: Answer,
}

struct Server {
    listeners: Vec<Listener>,
    log: Hearing,
    talks: Vec<Talk>,
}

impl Server {
    /// Serves until `stopped` is closed, and then takes what had already arrived.
    fn serve(&mut self, stopped: &UnixStream) {
        let mut last_rounds = 0;
        // Two quiet rounds after the end: a connection accepted in one has its bytes in the next.
        while last_rounds < 3 {
            let patience = (last_rounds > 0).then(Timespec::default);
            let Ok((ready, ended)) = self.wait(stopped, patience) else { return };
            if last_rounds > 0 || ended {
                last_rounds += 1;
            }
            let (listeners, talks) = ready.split_at(self.listeners.len().min(ready.len()));
            let mut open = Vec::new();
            for (talk, ready) in std::mem::take(&mut self.talks).into_iter().zip(talks) {
                open.extend(if *ready { self.listen(talk) } else { Some(talk) });
            }
            self.talks = open;
            for (number, _) in listeners.iter().enumerate().filter(|(_, ready)| **ready) {
                self.take(number);
            }
        }
    }

    /// Which sockets have something, in the order of `listeners` and `talks`; and whether to stop.
    fn wait(
        &self,
        stopped: &UnixStream,
        patience: Option<Timespec>,
    ) -> rustix::io::Result<(Vec<bool>, bool)> {
        let full = self.talks.len() >= AT_ONCE;
        let listening = if full { PollFlags::empty() } else { PollFlags::IN };
        let mut watched: Vec<PollFd<'_>> = self
            .listeners
            .iter()
            .map(|listener| PollFd::new(&listener.socket, listening))
            .collect();
        watched.extend(self.talks.iter().map(|talk| PollFd::new(&talk.stream, PollFlags::IN)));
        // Once told to stop, its hang-up would end every wait at once.
        if patience.is_none() {
            watched.push(PollFd::new(stopped, PollFlags::IN));
        }
        match poll(&mut watched, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let mut ready: Vec<bool> = watched.iter().map(|w| !w.revents().is_empty()).collect();
        let ended = patience.is_none() && ready.pop().unwrap_or(true);
        Ok((ready, ended))
    }

    /// A peer, or a datagram, at listener `number`.
    fn take(&mut self, number: usize) {
        let Some(listener) = self.listeners.get(number) else { return };
        if let Socket::Udp(socket) = &listener.socket {
            let mut packet = vec![0; KEPT];
            while let Ok((length, peer)) = socket.recv_from(&mut packet) {
                let packet = packet.get(..length).unwrap_or_default();
                let Answer::Name(text) = &listener.answer else {
                    self.log.begin(&listener.plant, packet);
                    continue;
                };
                if let Some(question) = dns::question(packet) {
                    self.log.begin(&listener.plant, &question.logged());
                    // The peer may be dead by now; it was heard, and that is all that counts.
                    let answer = question.answer(packet, network::SINK, text);
                    let _unsent = socket.send_to(&answer, peer);
                }
            }
        } else if let Socket::Netlink(socket) | Socket::Icmp(socket) = &listener.socket {
            while let Some(packet) = packet::receive(socket) {
                self.log.begin(&listener.plant, &packet);
            }
        } else {
            while let Ok(stream) = listener.socket.accept() {
                let entry = self.log.begin(&listener.plant, b"");
                self.talks.push(Talk { stream, entry, answer: listener.answer.clone() });
            }
        }
    }

    /// Reads what has come; `None` when the connection is over.
    fn listen(&self, mut talk: Talk) -> Option<Talk> {
        let mut buffer = [0; 4096];
        loop {
            match rustix::io::read(&talk.stream, &mut buffer) {
                Ok(0) => return None,
                Ok(length) => {
                    self.log.extend(talk.entry, buffer.get(..length).unwrap_or_default());
                }
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => return Some(talk),
                Err(_) => return None,
            }
            match std::mem::replace(&mut talk.answer, Answer::Nothing) {
                Answer::Bytes(bytes) => {
                    let _unsent = rustix::io::write(&talk.stream, &bytes);
                }
                Answer::ReplyThenClose(bytes) => {
                    let _unsent = rustix::io::write(&talk.stream, &bytes);
                    return None;
                }
                Answer::Nothing | Answer::Name(_) => {}
            }
        }
    }
}

/// Whether `needle` is somewhere in `hay`.
fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len().max(1)).any(|window| window == needle)
}
