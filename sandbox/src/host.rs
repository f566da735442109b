//! What this kernel, container and caller allow; probed once, then a plain value.
#![forbid(unsafe_code)]

pub mod groups;
pub mod kernel_file;
pub mod offer;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use nix::sys::utsname::UtsName;
use rustix::fs::CWD;
use rustix::process::{getegid, geteuid, getgroups};
use rustix::thread::{CapabilitySet, SecureComputingMode, capabilities, secure_computing_mode};

use crate::overlay::{self, Demand, Obstacle, Sharing};
use crate::payload::{Payload, Purpose};
use crate::policy::Policy;
use crate::policy::files::{ETC, SYSTEM};
use crate::sys::landlock;
use crate::words::Layer;
use kernel_file::read_text;
use offer::Offer;

#[cfg(test)]
pub(crate) mod fakes;
pub mod rehearsal;
pub mod surroundings;

use rehearsal::Namespaces;

/// What the host allows and has.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// The kernel's release, as major and minor number.
    pub kernel: (u32, u32),
    /// The machine's architecture, as `uname(2)` names it.
    pub machine: String,
    /// Who calls.
    pub caller: Caller,
    /// What is known about namespaces.
    pub namespaces: Namespaces,
    /// What lies in `/`.
    pub root: RootLayout,
    /// The version of Landlock; 0 is none.
    pub landlock: u32,
    /// What the host lends for limits.
    pub limits: Offer,
    /// Which uids are somebody's.
    pub ids: TakenIds,
    /// The caller's own `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// The process runs in the harness's lab: its marker mount is there.
    pub in_lab: bool,
    /// How the source tree of the payload at hand can be given to a build; see [`Self::looking_at`].
    pub sharing: Sharing,
    /// A random number, another at each probe, for names that nobody can have prepared.
    pub nonce: u64,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Effective uid.
    pub uid: u32,
    /// Effective gid.
    pub gid: u32,
    /// Number of supplementary groups.
    pub groups: usize,
    /// May mount, create namespaces and use the rest of `CAP_SYS_ADMIN`.
    pub can_admin: bool,
    /// May become any user and give files away.
    pub can_change_user: bool,
}

impl Caller {
    /// Whether the caller can prepare mounts and users for the sandbox by itself.
    #[must_use]
    pub const fn is_privileged(&self) -> bool {
        self.can_admin && self.can_change_user
    }
}

/// What lies in `/`, as far as a build sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootLayout {
    /// Links of the operating system, name and target: `bin` to `usr/bin`.
    pub links: Vec<(String, PathBuf)>,
    /// Directories of the operating system: `usr`.
    pub directories: Vec<String>,
    /// What the allow list names in `/etc` and the host has; true for a directory.
    pub etc: Vec<(String, bool)>,
}

/// Which uids are somebody's, and so not to be leased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenIds {
    /// Uids of accounts.
    pub accounts: BTreeSet<u32>,
    /// Subordinate uids of accounts (`subuid(5)`).
    pub subordinate: Vec<RangeInclusive<u32>>,
    /// Uids that exist at all here (`/proc/self/uid_map`).
    pub mapped: Vec<RangeInclusive<u32>>,
}

impl TakenIds {
    /// Whether a build may be given `uid`.
    #[must_use]
    pub fn is_free(&self, uid: u32) -> bool {
        uid != 0
            && !self.accounts.contains(&uid)
            && !self.subordinate.iter().any(|range| range.contains(&uid))
            && self.mapped.iter().any(|range| range.contains(&uid))
    }
}

impl Host {
    /// Looks at this machine, and rehearses namespaces where a look does not tell. Files that
    /// cannot be read count as absent.
    ///
    /// The caller must have one thread only, for a rehearsal starts a process.
    #[must_use]
    pub fn probe() -> Self {
        let host = Self::glance();
        match host.namespaces {
            Namespaces::Presumed => Self { namespaces: namespaces(), ..host },
            Namespaces::Off | Namespaces::Rehearsed(_) => host,
        }
    }

    /// The same for who launches at once, and so finds out by that whether namespaces that nothing
    /// speaks against are switched off: to look costs more than any other look.
    #[must_use]
    pub fn glance() -> Self {
        let table = read_text(CWD, "/proc/self/mountinfo").unwrap_or_default();
        let host = Self::look(&table);
        // Root outside of containers launches without a rehearsal, which would cost it a third of
        // the launch. Should its namespaces be refused all the same, the launch says so.
        let plain =
            host.caller.is_privileged() && !is_filtered() && covered_proc(&table).next().is_none();
        if plain { host } else { host.rehearsed() }
    }

    /// The same host, after a rehearsal.
    #[must_use]
    pub fn rehearsed(self) -> Self {
        match self.namespaces {
            Namespaces::Presumed => {
                let namespaces = match namespaces() {
                    Namespaces::Presumed => Namespaces::Rehearsed(rehearsal::rehearse()),
                    known => known,
                };
                Self { namespaces, ..self }
            }
            Namespaces::Off | Namespaces::Rehearsed(_) => self,
        }
    }

    /// The same host, after a look at the source tree of `payload`, and after a trial of an overlay
    /// over it where that may be quicker than a copy.
    ///
    /// The caller must have one thread only, as for [`Self::probe`].
    #[must_use]
    pub fn looking_at(self, policy: &Policy, payload: &Payload) -> Self {
        let mut trees = payload.trees.iter().filter(|tree| tree.purpose == Purpose::Source);
        let privileged = self.caller.is_privileged();
        let own_files = [Layer::Mounts, Layer::Proc, Layer::Harvest];
        let wanted = own_files.into_iter().any(|layer| policy.layers.has(layer));
        match trees.next() {
            Some(tree) if wanted && (privileged || self.namespaces.are_usable()) => {
                let (tree, scratch) = (tree.path.as_path(), policy.files.scratch.as_deref());
                let demand = Demand { tree, privileged, user: *policy.uids.start(), scratch };
                Self { sharing: overlay::look(demand), ..self }
            }
            _ => self,
        }
    }

    fn look(mounts: &str) -> Self {
        // rustix's takes it for granted that the call succeeds. What is unknown is refused.
        let uname = nix::sys::utsname::uname();
        let text = |part: fn(&UtsName) -> &OsStr| {
            uname.as_ref().map(|known| part(known).to_string_lossy().into_owned())
        };
        Self {
            kernel: release(&text(UtsName::release).unwrap_or_default()),
            machine: text(UtsName::machine).unwrap_or_default(),
            caller: caller(),
            namespaces: Namespaces::Presumed,
            root: root_layout(Path::new("/")),
            landlock: landlock::abi(),
            limits: Offer::of(&groups::Hierarchies::among(mounts), true),
            ids: taken_ids(),
            runtime: std::env::var_os("XDG_RUNTIME_DIR")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute()),
            in_lab: has_lab_marker(mounts),
            sharing: Sharing::Copy(Obstacle::Untried),
            nonce: nonce(),
        }
    }
}

fn caller() -> Caller {
    let effective =
        capabilities(None).map_or_else(|_| CapabilitySet::empty(), |sets| sets.effective);
    Caller {
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
        groups: getgroups().map_or(0, |groups| groups.len()),
        can_admin: effective.contains(CapabilitySet::SYS_ADMIN),
        can_change_user: effective
            .contains(CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::CHOWN)
            && may_set_groups(),
    }
}

/// In a user namespace that an ordinary user has made, groups stay and only one uid exists: its
/// root can change nothing about who it is (`user_namespaces(7)`).
fn may_set_groups() -> bool {
    read_text(CWD, "/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow")
}

fn release(text: &str) -> (u32, u32) {
    let mut numbers =
        text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn namespaces() -> Namespaces {
    // The file is this namespace's own limit; those of the namespaces around it are not to be seen
    // from here and show themselves in a rehearsal only (`namespaces(7)`).
    match read_text(CWD, "/proc/sys/user/max_user_namespaces") {
        Ok(text) if text.trim() == "0" => Namespaces::Off,
        Err(error) if error.kind() == io::ErrorKind::NotFound && Path::new(OWN).exists() => {
            Namespaces::Off
        }
        _ => Namespaces::Presumed,
    }
}

/// There where `/proc` is mounted at all.
const OWN: &str = "/proc/self/status";

/// Whether a system call filter is on already, as in most containers.
fn is_filtered() -> bool {
    !matches!(secure_computing_mode(), Ok(SecureComputingMode::Disabled))
}

/// The parts of `/proc` over which something lies, which keeps a fresh one from being mounted.
fn covered_proc(mounts: &str) -> impl Iterator<Item = &str> {
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| point.starts_with("/proc/") && *point != BINARY_FORMATS)
}

/// A directory of `/proc` that is always empty, over which a mount does not count.
const BINARY_FORMATS: &str = "/proc/sys/fs/binfmt_misc";

fn nonce() -> u64 {
    let mut random = [0; 8];
    // Before the kernel has gathered randomness nobody else can have prepared anything either.
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(random)
}

fn root_layout(root: &Path) -> RootLayout {
    let mut layout = RootLayout::default();
    for name in SYSTEM {
        let path = root.join(name);
        match fs::read_link(&path) {
            Ok(target) => layout.links.push(((*name).to_owned(), target)),
            Err(_) if path.is_dir() => layout.directories.push((*name).to_owned()),
            Err(_) => {}
        }
    }
    for name in ETC {
        if let Ok(meta) = fs::metadata(root.join("etc").join(name)) {
            layout.etc.push(((*name).to_owned(), meta.is_dir()));
        }
    }
    layout
}

fn taken_ids() -> TakenIds {
    // Where the accounts cannot be read any uid may be somebody's, so none is free.
    let read = |path: &str| match read_text(CWD, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    };
    let (Ok(accounts), Ok(subordinate)) = (read("/etc/passwd"), read("/etc/subuid")) else {
        return TakenIds::default();
    };
    TakenIds {
        accounts: accounts
            .lines()
            .filter_map(|line| line.split(':').nth(2)?.parse().ok())
            .collect(),
        subordinate: subordinate
            .lines()
            .filter_map(|line| range(line.split(':').skip(1)))
            .collect(),
        mapped: read("/proc/self/uid_map")
            .unwrap_or_default()
            .lines()
            .filter_map(|line| {
                let mut words = line.split_ascii_whitespace();
                let first = words.next()?;
                range([first, words.nth(1)?].into_iter())
            })
            .collect(),
    }
}

/// The range that begins at the first word and is as long as the second says.
fn range<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<RangeInclusive<u32>> {
    let first: u32 = words.next()?.trim().parse().ok()?;
    let count: u32 = words.next()?.trim().parse().ok()?;
    Some(first..=first.saturating_add(count.checked_sub(1)?))
}

/// Whether the harness's lab has mounted its tmpfs, whose source has a name of its own (fields 5
/// and the second behind the lone dash, `proc_pid_mountinfo(5)`).
fn has_lab_marker(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let (mount, source) = line.split_once(" - ").unwrap_or_default();
        mount.split(' ').nth(4) == Some("/opt/lab")
            && source.split(' ').nth(1) == Some("bulkhead-lab")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_free_only_if_nobody_has_it_and_it_exists_here() {
        let ids = TakenIds {
            accounts: BTreeSet::from([61_500]),
            subordinate: vec![61_600..=61_699],
            mapped: vec![0..=65_535],
        };
        assert!(!ids.is_free(0));
        assert!(!ids.is_free(61_500));
        assert!(!ids.is_free(61_650));
        assert!(!ids.is_free(100_000));
        assert!(ids.is_free(61_501));
    }

    #[test]
    fn a_mask_over_a_part_of_proc_is_seen() {
        let plain = "23 27 0:21 / /proc rw - proc proc rw\n30 23 0:9 / /proc/sys/fs/binfmt_misc rw - b b rw";
        assert_eq!(covered_proc(plain).next(), None);
        let masked = format!("{plain}\n31 23 0:9 / /proc/acpi ro,relatime - tmpfs tmpfs ro");
        assert_eq!(covered_proc(&masked).collect::<Vec<_>>(), ["/proc/acpi"]);
    }

    #[test]
    fn a_release_is_read_from_its_first_two_numbers() {
        assert_eq!(release("6.18.44-fc-v595"), (6, 18));
        assert_eq!(release("5.13"), (5, 13));
        assert_eq!(release("strange"), (0, 0));
    }
}
