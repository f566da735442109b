//! What this kernel, container and caller allow; probed once, then a plain value.
#![forbid(unsafe_code)]

pub mod etc;
pub mod groups;
pub mod kernel_file;
pub mod limit_support;
pub mod machine;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::utsname::UtsName;
use rustix::fs::{CWD, readlinkat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};
use rustix::thread::{CapabilitySet, capabilities};

use crate::overlay::{self, Demand, Obstacle, Sharing};
use crate::paths::mountinfo;
use crate::payload::{Payload, Purpose};
use crate::policy::Policy;
use crate::policy::files::{MACHINE, SYSTEM};
use crate::sys::landlock;
use crate::words::Layer;
use etc::Etc;
use kernel_file::{read_bytes, read_text};
use limit_support::LimitSupport;
use machine::Machine;

#[cfg(test)]
pub(crate) mod fakes;
pub mod namespaces;
pub mod surroundings;

use namespaces::{Act, Namespaces};

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
    pub limits: LimitSupport,
    /// Which uids are somebody's.
    pub ids: TakenIds,
    /// The caller's own `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// `/proc` shows this process, as it does where the processes of its own namespace are mounted.
    pub proc: bool,
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
    /// May look into, signal and map processes of any user, also of one whose namespaces are not
    /// its own.
    pub can_oversee: bool,
    /// What its uid is around its user namespace, as far as that can be seen.
    pub outside: Option<u32>,
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
    /// What of `/etc` a build sees.
    pub etc: Etc,
    /// What `/sys` says of processors and nodes of memory.
    pub machine: Machine,
}

/// Which numbers are somebody's, and so not to be leased. A build gets one as its uid and as its gid,
/// so that it must be nobody's of either kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenIds {
    /// Uids and gids of accounts, and gids of groups.
    pub accounts: BTreeSet<u32>,
    /// Subordinate uids and gids of accounts (`subuid(5)`, `subgid(5)`).
    pub subordinate: Vec<RangeInclusive<u32>>,
    /// Uids that exist at all here (`/proc/self/uid_map`).
    pub mapped: Vec<RangeInclusive<u32>>,
    /// Gids that do (`/proc/self/gid_map`).
    pub mapped_groups: Vec<RangeInclusive<u32>>,
}

impl TakenIds {
    /// Whether a build may be given `id`.
    #[must_use]
    pub fn is_free(&self, id: u32) -> bool {
        let in_one =
            |ranges: &[RangeInclusive<u32>]| ranges.iter().any(|range| range.contains(&id));
        id != 0
            && !self.accounts.contains(&id)
            && !in_one(&self.subordinate)
            && in_one(&self.mapped)
            && in_one(&self.mapped_groups)
    }
}

impl Host {
    /// Looks at this machine. Files that cannot be read count as absent.
    #[must_use]
    pub fn probe() -> Self {
        let host = Self::glance();
        if namespaces_are_off() { host.without_namespaces(Namespaces::Off) } else { host }
    }

    /// The same for who launches at once, and so finds out by that whether namespaces are switched
    /// off: to look costs more than any other look.
    #[must_use]
    pub fn glance() -> Self {
        Self::look(&read_bytes(CWD, "/proc/self/mountinfo").unwrap_or_default())
    }

    /// The same host, as it is known after a launch in which it refused `act`; none where that is no
    /// news.
    #[must_use]
    pub fn refusing(&self, act: Act, errno: Errno) -> Option<Self> {
        let namespaces = self.namespaces.refusing(act, errno)?;
        let off = act == Act::Create && namespaces_are_off();
        let namespaces = if off { Namespaces::Off } else { namespaces };
        Some(self.clone().without_namespaces(namespaces))
    }

    /// The same host, of whose namespaces this is known. Without them rules of Landlock are all that
    /// holds files, so that what is withheld has to be left out of them name by name.
    fn without_namespaces(self, namespaces: Namespaces) -> Self {
        let mut host = Self { namespaces, ..self };
        if !host.namespaces.are_usable() {
            host.root.etc.look_beside(Path::new("/etc"));
        }
        host
    }

    /// The same host, as it is known after a launch in which it refused control groups with `why`; none
    /// where that is no news.
    #[must_use]
    pub fn refusing_groups(&self, why: &str) -> Option<Self> {
        let lends = self.limits.memory.is_some() || self.limits.processes.is_some();
        let limits = lends.then(|| self.limits.clone().without_groups(why))?;
        Some(Self { limits, ..self.clone() })
    }

    /// The same host, with another random number.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { nonce: nonce(), ..self }
    }

    /// The same host, after a look at the source tree of `payload`, and after a trial of an overlay
    /// over it where that may be quicker than a copy.
    ///
    /// The caller must have one thread only, as for [`Self::probe`].
    #[must_use]
    pub fn looking_at(self, policy: &Policy, payload: &Payload, until: Option<Instant>) -> Self {
        let mut trees = payload.trees.iter().filter(|tree| tree.purpose == Purpose::Source);
        let privileged = self.caller.is_privileged();
        let own_files = [Layer::Mounts, Layer::Proc, Layer::Harvest];
        let wanted = own_files.into_iter().any(|layer| policy.layers.has(layer));
        match trees.next() {
            Some(tree) if wanted && (privileged || self.namespaces.are_usable()) => {
                let (tree, scratch) = (tree.path.as_path(), policy.files.scratch.as_deref());
                let user = *policy.uids.start();
                let demand = Demand { tree, privileged, user, scratch, until };
                Self { sharing: overlay::look(demand), ..self }
            }
            _ => self,
        }
    }

    fn look(mounts: &[u8]) -> Self {
        // rustix's takes it for granted that the call succeeds. What is unknown is refused.
        let uname = nix::sys::utsname::uname();
        let text = |part: fn(&UtsName) -> &OsStr| {
            uname.as_ref().map(|known| part(known).to_string_lossy().into_owned())
        };
        Self {
            kernel: release(&text(UtsName::release).unwrap_or_default()),
            machine: text(UtsName::machine).unwrap_or_default(),
            caller: caller(),
            namespaces: Namespaces::UNTRIED,
            root: root_layout(Path::new("/")),
            landlock: landlock::abi(),
            limits: LimitSupport::of(&groups::Hierarchies::among(mounts), true),
            ids: taken_ids(),
            runtime: std::env::var_os("XDG_RUNTIME_DIR")
                .map(PathBuf::from)
                // One that is not there, as after `su`, has no place for anything.
                .filter(|path| path.is_absolute() && path.is_dir()),
            proc: has_own_proc(),
            in_lab: has_lab_marker(mounts),
            sharing: Sharing::Copy(Obstacle::Untried),
            nonce: nonce(),
        }
    }
}

/// What it takes to watch over a sandbox that belongs to somebody else.
const OVERSIGHT: CapabilitySet = CapabilitySet::SYS_ADMIN
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::DAC_OVERRIDE);

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
        can_oversee: effective.contains(OVERSIGHT),
        outside: outside(geteuid().as_raw()),
    }
}

/// What `uid` is around this user namespace (`user_namespaces(7)`); the same where nothing can be
/// seen.
fn outside(uid: u32) -> Option<u32> {
    let Ok(map) = read_text(CWD, "/proc/self/uid_map") else { return Some(uid) };
    map.lines().find_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map(|word| word.parse::<u32>().ok());
        let (inside, outside, count) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let place = uid.checked_sub(inside).filter(|place| *place < count)?;
        outside.checked_add(place)
    })
}

/// Without a `/proc` in which this process is nobody can be mapped, watched or looked at.
fn has_own_proc() -> bool {
    readlinkat(CWD, "/proc/self", Vec::new()).is_ok()
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

fn namespaces_are_off() -> bool {
    // The file is this namespace's own limit; those of the namespaces around it are not to be seen
    // from here and show themselves in a launch only (`namespaces(7)`).
    match read_text(CWD, "/proc/sys/user/max_user_namespaces") {
        Ok(text) => text.trim() == "0",
        Err(error) => error.kind() == io::ErrorKind::NotFound && Path::new(OWN).exists(),
    }
}

/// There where `/proc` is mounted at all.
const OWN: &str = "/proc/self/status";

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
    layout.etc = Etc::look(&root.join("etc"));
    layout.machine = Machine::look(&root.join(MACHINE.trim_start_matches('/')));
    layout
}

fn taken_ids() -> TakenIds {
    // Where the accounts cannot be read any number may be somebody's, so none is free.
    let read = |path: &str| match read_text(CWD, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    };
    let texts = ["/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid"].map(read);
    let [Ok(accounts), Ok(groups), Ok(uids), Ok(gids)] = texts else { return TakenIds::default() };
    let mapped = |path| {
        ranges(&read(path).unwrap_or_default(), |line| {
            let mut words = line.split_ascii_whitespace();
            let first = words.next()?;
            range([first, words.nth(1)?].into_iter())
        })
    };
    let subordinate = |text: &str| ranges(text, |line| range(line.split(':').skip(1)));
    TakenIds {
        // Name, password, uid, gid; and name, password, gid.
        accounts: numbers(&accounts, &[2, 3]).chain(numbers(&groups, &[2])).collect(),
        subordinate: [subordinate(&uids), subordinate(&gids)].concat(),
        mapped: mapped("/proc/self/uid_map"),
        mapped_groups: mapped("/proc/self/gid_map"),
    }
}

/// The numbers in these fields of every line.
fn numbers<'a>(text: &'a str, fields: &'a [usize]) -> impl Iterator<Item = u32> + 'a {
    let of_line =
        |line: &'a str| fields.iter().filter_map(|at| line.split(':').nth(*at)?.parse().ok());
    text.lines().flat_map(of_line)
}

fn ranges(
    text: &str,
    read: impl Fn(&str) -> Option<RangeInclusive<u32>>,
) -> Vec<RangeInclusive<u32>> {
    text.lines().filter_map(read).collect()
}

/// The range that begins at the first word and is as long as the second says. One whose length nobody
/// understands has no end.
fn range<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<RangeInclusive<u32>> {
    let first: u32 = words.next()?.trim().parse().ok()?;
    let count: u64 = words.next().and_then(|word| word.trim().parse().ok()).unwrap_or(u64::MAX);
    let last = u64::from(first).saturating_add(count.checked_sub(1)?);
    Some(first..=u32::try_from(last).unwrap_or(u32::MAX))
}

/// Whether the harness's lab has mounted its tmpfs, whose source has a name of its own.
fn has_lab_marker(mounts: &[u8]) -> bool {
    let place = Path::new("/opt/lab");
    mountinfo::known(mounts).any(|mount| mount.place == place && mount.source == "bulkhead-lab")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_for_what_it_may_take() {
        let read = |text: &'static str| range(text.split(':').skip(1));
        assert_eq!(read("alice:100000:65536"), Some(100_000..=165_535));
        for endless in ["a:60000:4294967296", "a:60000:99999999999", "a:60000:?", "a:60000"] {
            assert_eq!(read(endless), Some(60_000..=u32::MAX), "{endless}");
        }
        for none in ["a:60000:0", "a::65536", "a", ""] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_uid_is_free_only_if_nobody_has_it_and_it_exists_here() {
        let ids = TakenIds {
            accounts: BTreeSet::from([61_500]),
            subordinate: vec![61_600..=61_699],
            mapped: vec![0..=65_535],
            mapped_groups: vec![0..=64_999],
        };
        assert!(!ids.is_free(0));
        assert!(!ids.is_free(61_500));
        assert!(!ids.is_free(61_650));
        assert!(!ids.is_free(100_000));
        assert!(!ids.is_free(65_000), "it is no gid here");
        assert!(ids.is_free(61_501));
    }

    #[test]
    fn accounts_and_groups_are_read_with_all_their_numbers() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\na:x:61000:61001:::\nbroken\n";
        assert_eq!(numbers(accounts, &[2, 3]).collect::<Vec<_>>(), [0, 0, 61_000, 61_001]);
        assert_eq!(numbers("adm:x:4:a\n:::\n", &[2]).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn the_uids_of_a_build_are_nobodys_by_custom() {
        use crate::policy::DEFAULT_UIDS;
        let systemd = [1..=60_000, 60_001..=60_577, 60_578..=60_705, 61_184..=65_519];
        let others = [65_534..=65_535, 524_288..=1_879_048_191, 100_000..=600_100_000];
        for range in systemd.into_iter().chain(others) {
            assert!(!DEFAULT_UIDS.clone().any(|uid| range.contains(&uid)), "{range:?}");
        }
    }

    #[test]
    fn a_release_is_read_from_its_first_two_numbers() {
        assert_eq!(release("6.18.44-fc-v595"), (6, 18));
        assert_eq!(release("5.13"), (5, 13));
        assert_eq!(release("strange"), (0, 0));
    }
}
