//! What the kernel shows of a payload at its first instruction.

use std::fs;
use std::path::Path;

use nix::unistd::Pid;

/// What the kernel shows of a payload, without what is another at every launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    pub seen: Vec<(String, String)>,
    /// How many of its control groups it is shown, which confines it in nothing.
    pub groups: usize,
}

/// Lines of `proc_pid_status(5)` that tell what a process may do.
const STATUS: [&str; 14] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "SigBlk",
    "SigIgn",
    "Threads",
];

/// The kinds of namespaces.
const NAMESPACES: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

impl Posture {
    pub fn of(pid: Pid) -> Self {
        let place = Path::new("/proc").join(pid.to_string());
        let read = |file: &str| fs::read_to_string(place.join(file)).unwrap_or_default();
        let mut seen = Vec::new();
        let mut see = |what: &str, value: String| seen.push((what.to_owned(), value));
        let status = read("status");
        for field in STATUS {
            let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            see(field, line.unwrap_or("-").trim().to_owned());
        }
        for kind in NAMESPACES {
            let of = |place: &Path| fs::read_link(place.join("ns").join(kind)).ok();
            let own = of(&place).is_some() && of(&place) != of(Path::new("/proc/self"));
            see(kind, if own { "its own" } else { "the host's" }.to_owned());
        }
        let mut descriptors: Vec<_> = fs::read_dir(place.join("fd"))
            .map(|all| all.flatten().map(|entry| entry.file_name()).collect())
            .unwrap_or_default();
        descriptors.sort();
        see("descriptors", format!("{descriptors:?}"));
        see("limits", limits(&read("limits")));
        let groups = read("cgroup");
        let in_groups =
            groups.lines().filter(|line| line.contains("memory") && line.contains("/bulkhead-"));
        see("control group", in_groups.collect::<Vec<_>>().join(" "));
        let table = read("mountinfo");
        see("mounts", mounts(&table));
        let mut environment: Vec<_> = read("environ").split('\0').map(str::to_owned).collect();
        environment.sort();
        see("environment", unnamed(&environment.join("\n")));
        let directory = fs::read_link(place.join("cwd")).unwrap_or_default();
        see("directory", unnamed(&directory.display().to_string()));
        let terminal = read("stat");
        let terminal = terminal.rsplit_once(") ").map_or("", |(_, rest)| rest);
        see("terminal", terminal.split(' ').nth(4).unwrap_or_default().to_owned());
        let groups = table.lines().filter(|line| line.contains(" - cgroup")).count();
        Self { seen, groups }
    }

    /// What is another than in `undisturbed`.
    pub fn differences(&self, undisturbed: &Self) -> Vec<String> {
        let pairs = self.seen.iter().zip(&undisturbed.seen).filter(|(now, then)| now != then);
        let lines = |all: &str, without: &str| {
            let lines = all.lines().filter(|line| !without.lines().any(|other| other == *line));
            lines.collect::<Vec<_>>().join(" | ")
        };
        pairs
            .map(|((what, now), (_, then))| {
                format!("{what}: {:?} instead of {:?}", lines(now, then), lines(then, now))
            })
            .collect()
    }
}

/// The limits, without how much memory there was at the time and without the mark of the build. Processes may be counted by the kernel
/// in either of two ways, of which one has a wider limit.
fn limits(table: &str) -> String {
    let line = |line: &str| {
        let bounded = !line.contains("unlimited");
        let other = ["Max data size", "Max processes", "Max file locks"];
        let named = other.into_iter().find(|it| line.starts_with(it));
        named.filter(|_| bounded).map_or(format!("{line}\n"), |name| format!("{name} bounded\n"))
    };
    table.lines().map(line).collect()
}

/// The text without the numbers of directories that have a new name at every launch.
fn unnamed(text: &str) -> String {
    let mut parts = text.split("/bulkhead-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "/bulkhead-*" + part.get(16..).unwrap_or_default())
}

/// Whether the host's system is shown there, of which a build may see less: what cannot be looked at is
/// left out, and a link is shown as the directory that it leads to.
fn is_of_the_system(place: &str, options: &str) -> bool {
    let system = ["/etc/", "/bin", "/sbin", "/lib"].iter().any(|name| place.starts_with(name));
    system && options.split(',').any(|option| option == "ro")
}

/// Where something is mounted, of what kind and with which options, without the numbers.
fn mounts(table: &str) -> String {
    let mounts = table.lines().filter_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let (place, options) = (fields.next()?, fields.next()?);
        let kind = system.split(' ').next()?;
        // Of its own control groups a build sees less, or nothing, where they cannot be shown.
        if is_of_the_system(place, options) || kind.starts_with("cgroup") {
            return None;
        }
        Some(unnamed(&format!("{place} {options} {kind}")))
    });
    // In which order the kernel numbers what supervisor and sandbox mount at the same time is chance;
    // what lies over what at one place is not.
    let mut mounts: Vec<_> = mounts.collect();
    mounts.sort_by_key(|mount| mount.split(' ').next().map(str::to_owned));
    // What hides a group of the caller's hides an empty place as well.
    mounts.dedup();
    mounts.join("\n")
}
