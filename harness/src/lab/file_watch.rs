//! A watch over files: sees, from outside, who opens a file of the lab and who could write to it.
//!
//! Files of the lab's own trees are watched by the file system, so that it does not matter through
//! which mount or name they are reached. What the kernel shows in `/proc` is another file in every
//! mount of it: there the build announces itself, and the file that it sees itself is watched.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyEvent, InitFlags, MarkFlags, MaskFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{AtFlags, CWD, OFlags, Stat, fstat, statat};
use sandbox::host::kernel_file::read_text;

use super::layout::relative;
use super::mounts::place;
use super::root::Root;

/// Somebody at a watched file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The file, as a path of the lab.
    pub path: PathBuf,
    /// Who it was, by number on the host.
    pub pid: i32,
    /// The same by number within the lab, where it could still be asked.
    pub inner: Option<i32>,
    /// It had the file open for writing.
    pub writing: bool,
}

/// What is watched, and what was seen.
#[derive(Debug, Default)]
struct WatchLog {
    watched: Vec<Watched>,
    seen: Vec<Sighting>,
}

#[derive(Debug)]
struct Watched {
    path: PathBuf,
    file: File,
}

#[derive(Debug)]
enum File {
    /// In a tree of the lab: looked up anew for every event, for it may be replaced.
    Lab { mount: OwnedFd, path: PathBuf },
    /// As a process of the build sees it.
    Kernel { device: u64, inode: u64 },
}

type Shared = Arc<(Mutex<WatchLog>, Condvar)>;

/// The watch over files of one lab.
#[derive(Debug)]
pub struct FileWatch {
    group: Arc<Fanotify>,
    log: Shared,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// What a watch looks for.
const EVENTS: MaskFlags = MaskFlags::FAN_OPEN.union(MaskFlags::FAN_CLOSE_WRITE);
/// No more sightings than this are kept.
const MOST: usize = 10_000;
/// How long the kernel may take to report what has happened, and we to take note of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether a path is the kernel's, and is watched only once a build has announced itself.
#[must_use]
pub fn is_kernels(path: &Path) -> bool {
    path.starts_with("/proc") || path.starts_with("/sys")
}

impl FileWatch {
    /// Watches `paths` of the lab; those of the kernel later.
    ///
    /// # Errors
    /// Those of fanotify(7).
    pub fn start(root: &Root, paths: &[PathBuf]) -> io::Result<Self> {
        let flags = InitFlags::FAN_CLOEXEC
            | InitFlags::FAN_NONBLOCK
            | InitFlags::FAN_CLASS_NOTIF
            | InitFlags::FAN_UNLIMITED_QUEUE;
        // The kernel opens what it reports; a FIFO must not hold it up.
        let opened = EventFFlags::O_RDONLY
            | EventFFlags::O_LARGEFILE
            | EventFFlags::O_CLOEXEC
            | EventFFlags::O_NONBLOCK;
        let group = Arc::new(Fanotify::init(flags, opened)?);
        let mut log = WatchLog::default();
        for path in paths.iter().filter(|path| !is_kernels(path)) {
            let Some((tree, rest)) = root.tree_of(path) else { continue };
            let whole = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
            group.mark(whole, EVENTS, &tree.mount, Some("."))?;
            let mount = tree.mount.try_clone()?;
            let file = File::Lab { mount, path: relative(rest).to_owned() };
            log.watched.push(Watched { path: path.clone(), file });
        }
        let shared = Arc::new((Mutex::new(log), Condvar::new()));
        let (stop, stopped) = UnixStream::pair()?;
        let (events, log) = (Arc::clone(&group), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("file_watch".to_owned())
            .spawn(move || keep_watch(&events, &log, &stopped))?;
        Ok(Self { group, log: shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Watches the file of the kernel that somebody sees, reached through `seen`.
    ///
    /// # Errors
    /// Those of fanotify(7).
    pub fn add(&self, path: &Path, seen: BorrowedFd<'_>) -> io::Result<()> {
        let status = fstat(seen)?;
        let (device, inode) = (status.st_dev, status.st_ino);
        let through = format!("/proc/self/fd/{}", seen.as_raw_fd());
        {
            let mut log = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
            let file = File::Kernel { device, inode };
            log.watched.push(Watched { path: path.to_owned(), file });
        }
        self.group.mark(MarkFlags::FAN_MARK_ADD, EVENTS, CWD, Some(through.as_str()))?;
        // Nobody else has been let go yet: whoever is seen first must be we ourselves.
        drop(rustix::fs::open(
            &through,
            OFlags::RDONLY | OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )?);
        self.sees_us(path, false)
    }

    /// Opens a watched file of the lab, and waits until that is seen; the reason when it is not.
    #[must_use]
    pub fn self_test(&self, root: &Root, path: &Path, writing: bool) -> Option<String> {
        if is_kernels(path) {
            // It is asked when the build announces itself.
            return None;
        }
        let opened = root.tree_of(path).ok_or(rustix::io::Errno::NOENT).and_then(|(tree, rest)| {
            let mode = if writing { OFlags::WRONLY } else { OFlags::RDONLY };
            let flags = mode | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            rustix::fs::openat(&tree.mount, relative(rest), flags, rustix::fs::Mode::empty())
        });
        match opened {
            Err(error) => Some(format!("{} cannot be opened: {error}", path.display())),
            Ok(file) => {
                drop(file);
                self.sees_us(path, writing).err().map(|error| error.to_string())
            }
        }
    }

    /// Waits until this process is among those that were seen.
    fn sees_us(&self, path: &Path, writing: bool) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut log = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let is_ours = |it: &Sighting| is_us(it) && it.path == path && it.writing >= writing;
            if log.seen.iter().any(is_ours) {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::other("the file_watch does not see an open file"));
            }
            let woken = self.log.1.wait_timeout(log, left);
            log = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the watch; everybody but this process who was seen.
    #[must_use]
    pub fn stop(mut self) -> Vec<Sighting> {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
        let mut log = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = std::mem::take(&mut log.seen);
        seen.retain(|sighting| !is_us(sighting));
        seen
    }
}

fn is_us(sighting: &Sighting) -> bool {
    u32::try_from(sighting.pid).is_ok_and(|pid| pid == std::process::id())
}

/// Takes events until `stopped` is closed, and then those that have already happened.
fn keep_watch(group: &Fanotify, shared: &Shared, stopped: &UnixStream) {
    loop {
        let mut watched = [PollFd::new(group, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut watched, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        let ended = !watched.iter().all(|entry| entry.revents().is_empty())
            && watched.last().is_some_and(|entry| !entry.revents().is_empty());
        // Not blocking: an empty queue is an error.
        while let Ok(events) = group.read_events() {
            if events.is_empty() {
                break;
            }
            note(&events, shared);
        }
        if ended {
            return;
        }
    }
}

fn note(events: &[FanotifyEvent], shared: &Shared) {
    let mut log = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
    for event in events {
        let Some(status) = event.fd().and_then(|file| fstat(file).ok()) else { continue };
        let Some(watched) = log.watched.iter().find(|it| it.is(&status)) else { continue };
        let sighting = Sighting {
            path: watched.path.clone(),
            pid: event.pid(),
            inner: inner(event.pid()),
            writing: event.mask().contains(MaskFlags::FAN_CLOSE_WRITE),
        };
        if log.seen.len() < MOST && !log.seen.contains(&sighting) {
            log.seen.push(sighting);
        }
    }
    shared.1.notify_all();
}

impl Watched {
    fn is(&self, status: &Stat) -> bool {
        match &self.file {
            File::Kernel { device, inode } => (*device, *inode) == (status.st_dev, status.st_ino),
            File::Lab { mount, path } => statat(mount, path.as_path(), AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|now| (now.st_dev, now.st_ino) == (status.st_dev, status.st_ino)),
        }
    }
}

/// The number of a process within its lab: the second of those that it has, from outside inwards.
fn inner(pid: i32) -> Option<i32> {
    let text = read_text(CWD, format!("/proc/{pid}/status")).ok()?;
    let numbers = text.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_whitespace().nth(1)?.parse().ok()
}

/// A file as the process `root` of the lab's `/proc` sees it, for [`FileWatch::add`].
///
/// # Errors
/// Those of open(2).
pub fn seen_by(proc: BorrowedFd<'_>, pid: i32, path: &Path) -> io::Result<OwnedFd> {
    place(proc.as_fd(), &Path::new(&format!("{pid}/root")).join(relative(path)))
}
