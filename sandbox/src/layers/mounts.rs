//! A new root directory: an empty tmpfs, and in it an allow list of the host's paths
//! (`mount_namespaces(7)`, `pivot_root(2)`).
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, unshare};
use rustix::thread::UnshareFlags;

use crate::host::Host;
use crate::host::namespaces::Act;
use crate::overlay::Notes;
use crate::payload::{Grant, Payload, Purpose};
use crate::policy::Policy;
use crate::policy::files::{DEVICES, HOME, INSIDE_ID, USER};
use crate::step::{At, Fault, Step};
use crate::words::Layer;

mod access;
mod filesystems;
mod idmap;
mod known;
mod laying;
mod opening;
mod root;
mod sys;

pub use access::accesses;
pub use filesystems::private_memory;
pub use known::check;
pub use opening::{Overlays, assign, make_overlays, open_entries, open_scratch};
pub use root::{NewRoot, lay_out, make_own};

/// The namespaces that the layer asks for: mounts, and the view of the control groups.
pub const NAMESPACES: UnshareFlags = UnshareFlags::NEWNS.union(UnshareFlags::NEWCGROUP);

/// Makes the control groups of this process the outermost that it sees (`cgroup_namespaces(7)`). The
/// namespace that `clone3` has made begins with those of the supervisor.
///
/// # Errors
/// ENOSPC where `user.max_cgroup_namespaces` is reached.
pub fn begin_view_of_groups() -> Result<(), Fault> {
    unshare(CloneFlags::CLONE_NEWCGROUP).at(Step::JoinControlGroup)
}

/// What the build finds in its file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPlan {
    /// What it begins with.
    pub base: Base,
    /// What is put in, in this order.
    pub entries: Vec<Entry>,
}

/// What the file system of a build begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// An empty tmpfs, which becomes the root.
    Empty,
    /// The host's root, in a private mount namespace; only without the layer `mounts`.
    Host,
}

/// One path of the build's file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where, an absolute path.
    pub target: PathBuf,
    /// What is there.
    pub what: What,
}

/// What is found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A directory that holds nothing but further entries.
    Directory,
    /// A symbolic link.
    Link(PathBuf),
    /// A small file that is made up.
    Text(String),
    /// A path of the host.
    Bind {
        /// The path there.
        source: PathBuf,
        /// Whether it may be written.
        writable: bool,
        /// Whether it is a directory.
        directory: bool,
        /// Whether the caller has named it, so that it is shown as the build's own.
        named: bool,
    },
    /// A device node of the host.
    Device(PathBuf),
    /// An empty directory that hides another.
    Nothing,
    /// A private file system in memory.
    Memory {
        /// How many bytes it may take; `None` where the machine alone bounds it.
        most: Option<u64>,
        /// The mode of its root, as `tmpfs(5)` reads it.
        mode: &'static str,
    },
    /// A directory of the private scratch file system.
    Scratch(&'static str),
    /// The same, lying over a directory of the host, whose files it shares until they are changed.
    Overlay {
        /// The directory of the scratch file system.
        upper: &'static str,
        /// That of the host.
        lower: PathBuf,
        /// Where the overlay keeps its notes.
        notes: Notes,
    },
    /// A fresh `/proc`, masked.
    Proc,
    /// A fresh `/proc` of the supervisor's processes; only without the layer `pid`.
    OuterProc,
    /// The host's `/proc`; only without the layer `proc`.
    HostProc,
    /// The host's `/proc`, read-only, where the host refuses a fresh one.
    BoundProc,
    /// Private pseudo-terminals.
    Terminals,
    /// Private POSIX message queues.
    Queues,
    /// The control group of the process that mounts it and what is below, read-only: of version 2, or
    /// of these controllers of version 1.
    ControlGroup(Vec<String>),
}

impl What {
    /// Whether a privileged supervisor opens it: a path of the host, or something over one.
    #[must_use]
    pub const fn is_opened(&self) -> bool {
        matches!(self, Self::Bind { .. } | Self::Device(_) | Self::Overlay { .. } | Self::OuterProc)
    }

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_directory(&self) -> bool {
        !matches!(
            self,
            Self::Link(_) | Self::Text(_) | Self::Device(_) | Self::Bind { directory: false, .. }
        )
    }

    /// Whether it is a mount of its own.
    #[must_use]
    pub const fn is_mounted(&self) -> bool {
        !matches!(self, Self::Directory | Self::Link(_) | Self::Text(_))
    }
}

/// The names of the directories of the scratch file system that every build has, and where.
pub const SCRATCH: &[(&str, &str)] = &[("tmp", "/tmp"), ("var-tmp", "/var/tmp"), ("home", HOME)];

/// The mode of a directory in which everybody has files of his own.
const OPEN: &str = "1777";

/// Size of `/dev/shm`, in bytes.
const SHARED_MEMORY: u64 = 1 << 30;

impl MountPlan {
    /// Whether nothing that the build writes is a file of the host.
    #[must_use]
    pub fn keeps_nothing(&self) -> bool {
        let kept = |entry: &Entry| matches!(entry.what, What::Bind { writable: true, .. });
        self.base == Base::Empty && !self.entries.iter().any(kept)
    }

    /// The same plan, in which `/tmp`, `/var/tmp` and the home are file systems in memory, each of at
    /// most so many bytes. On one with the source tree they would have the same device number, by
    /// which programs believe that they can link from one to the other (`link(2)`, EXDEV).
    #[must_use]
    pub fn apart_in_memory(mut self, most: Option<u64>) -> Self {
        for entry in &mut self.entries {
            let What::Scratch(name) = entry.what else { continue };
            if SCRATCH.iter().any(|(own, _)| *own == name) {
                let mode = if name.ends_with("tmp") { OPEN } else { "0755" };
                entry.what = What::Memory { most, mode };
            }
        }
        self
    }

    /// The same plan, in which the copy of the source tree is an overlay over it.
    #[must_use]
    pub fn sharing_the_source(mut self, notes: Notes) -> Self {
        let copy = What::Scratch(Purpose::Source.name());
        for entry in self.entries.iter_mut().filter(|entry| entry.what == copy) {
            let (upper, lower) = (Purpose::Source.name(), entry.target.clone());
            entry.what = What::Overlay { upper, lower, notes };
        }
        self
    }
}

/// The mount plan; `None` where neither the mounts nor `/proc` are the build's own.
#[must_use]
pub fn resolve(policy: &Policy, payload: &Payload, host: &Host) -> Option<MountPlan> {
    let own_root = policy.layers.has(Layer::Mounts);
    let own_proc = policy.layers.has(Layer::Proc);
    let mut entries = Vec::new();
    if own_root {
        system(&mut entries, host);
        sys::machine(&mut entries, host);
        synthetic(&mut entries);
        devices(&mut entries, policy);
    }
    match (own_root, own_proc) {
        // The harvest takes outputs out of directories that are the build's own.
        (false, false) if policy.layers.has(Layer::Harvest) => {}
        (false, false) => return None,
        (_, true) if !policy.layers.has(Layer::Pid) => {
            entries.push(Entry::new("/proc", What::OuterProc));
        }
        (_, true) => entries.push(Entry::new("/proc", What::Proc)),
        (true, false) if !host.namespaces.allow(Act::Proc) => {
            entries.push(Entry::new("/proc", What::BoundProc));
        }
        (true, false) => entries.push(Entry::new("/proc", What::HostProc)),
    }
    if own_root {
        entries.extend(SCRATCH.iter().map(|(name, path)| Entry::new(path, What::Scratch(name))));
    }
    paths(&mut entries, payload, own_root);
    let base = if own_root { Base::Empty } else { Base::Host };
    Some(MountPlan { base, entries })
}

impl Entry {
    fn new(target: impl AsRef<Path>, what: What) -> Self {
        Self { target: target.as_ref().to_owned(), what }
    }

    fn system(path: &Path, directory: bool) -> Self {
        let source = path.to_owned();
        Self::new(path, What::Bind { source, writable: false, directory, named: false })
    }

    fn granted(grant: &Grant) -> Self {
        let Grant { path, writable, directory, named, .. } = grant;
        let (writable, directory, named) = (*writable, *directory, *named);
        Self::new(path, What::Bind { source: path.clone(), writable, directory, named })
    }
}

fn system(entries: &mut Vec<Entry>, host: &Host) {
    for name in &host.root.directories {
        entries.push(Entry::system(&Path::new("/").join(name), true));
    }
    for (name, target) in &host.root.links {
        entries.push(Entry::new(Path::new("/").join(name), What::Link(target.clone())));
    }
    for (name, directory) in &host.root.etc.shown {
        entries.push(Entry::system(&Path::new("/etc").join(name), *directory));
    }
    for (name, directory) in &host.root.etc.withheld {
        let cover = if *directory { What::Nothing } else { What::Device("/dev/null".into()) };
        entries.push(Entry::new(Path::new("/etc").join(name), cover));
    }
}

/// Accounts, name resolution and host name of nobody in particular.
fn synthetic(entries: &mut Vec<Entry>) {
    let passwd = format!(
        "root:x:0:0:root:/:/usr/sbin/nologin\n{USER}:x:{INSIDE_ID}:{INSIDE_ID}:{USER}:{HOME}:/bin/sh\n\
         nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
    );
    let group = format!("root:x:0:\n{USER}:x:{INSIDE_ID}:\nnogroup:x:65534:\n");
    let files = [
        ("passwd", passwd),
        ("group", group),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n".to_owned()),
        ("hostname", "localhost\n".to_owned()),
        ("resolv.conf", "# There is no network here.\n".to_owned()),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".to_owned()),
    ];
    for (name, text) in files {
        entries.push(Entry::new(Path::new("/etc").join(name), What::Text(text)));
    }
}

fn devices(entries: &mut Vec<Entry>, policy: &Policy) {
    let dev = Path::new("/dev");
    for name in DEVICES {
        entries.push(Entry::new(dev.join(name), What::Device(dev.join(name))));
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        entries.push(Entry::new(dev.join(name), What::Link(target.into())));
    }
    entries.push(Entry::new("/dev/pts", What::Terminals));
    entries.push(Entry::new("/dev/shm", What::Memory { most: Some(SHARED_MEMORY), mode: OPEN }));
    if policy.layers.has(Layer::Ipc) {
        entries.push(Entry::new("/dev/mqueue", What::Queues));
    }
}

/// What is the build's own or granted. Shorter paths first, so that what lies below another path is
/// put on top of it: a grant below the source tree would otherwise be hidden by the copy of it.
fn paths(entries: &mut Vec<Entry>, payload: &Payload, granted: bool) {
    let mut paths: Vec<Entry> = Vec::new();
    if granted {
        let mut grants: Vec<&Grant> = payload.grants.iter().collect();
        // Of two grants for one path the writable one.
        grants.sort_by(|a, b| a.path.cmp(&b.path).then(b.writable.cmp(&a.writable)));
        grants.dedup_by(|later, first| later.path == first.path);
        paths.extend(grants.iter().copied().map(Entry::granted));
        let hidden = grants.iter().flat_map(|grant| &grant.hidden);
        let hidden = hidden.filter(|path| !grants.iter().any(|grant| &grant.path == *path));
        paths.extend(hidden.map(|path| Entry::new(path, What::Nothing)));
    }
    for tree in &payload.trees {
        // A directory that is granted as it is gets no private twin.
        if !payload.grants.iter().any(|grant| grant.path == tree.path) {
            paths.push(Entry::new(&tree.path, What::Scratch(tree.purpose.name())));
        }
    }
    if granted {
        let links = payload.links.iter();
        paths.extend(links.map(|(at, to)| Entry::new(at, What::Link(to.clone()))));
    }
    paths.sort_by(|a, b| a.target.cmp(&b.target));
    entries.extend(paths);
}
