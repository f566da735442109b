//! Control groups around a program: what of it is left afterwards, to the last process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sandbox::host::groups::{Hierarchies, Version};

/// Groups of a test's own, one for each hierarchy in which a lab makes its groups.
pub(crate) struct Fence {
    groups: Vec<PathBuf>,
}

impl Fence {
    /// Makes them; `None` where this machine lends none.
    pub(crate) fn raise(name: &str) -> Option<Self> {
        let hierarchies = Hierarchies::probe();
        let mut groups: Vec<PathBuf> = Vec::new();
        for controller in ["memory", "pids"] {
            let place = hierarchies.place(controller)?;
            let group =
                place.directory.join(format!("bulkhead-test-{}-{name}", std::process::id()));
            if groups.contains(&group) || place.version != Version::One {
                continue;
            }
            fs::create_dir(&group).ok()?;
            groups.push(group);
        }
        (!groups.is_empty()).then_some(Self { groups })
    }

    /// The command, started by a shell that enters the groups first.
    pub(crate) fn around(&self, command: &Command) -> Command {
        let mut fenced = Command::new("/bin/sh");
        let join = |group: &PathBuf| format!("echo $$ > '{}/cgroup.procs' && ", group.display());
        let enter = self.groups.iter().map(join).collect::<Vec<_>>().concat();
        fenced.args(["-c", &format!("{enter}exec \"$0\" \"$@\"")]);
        fenced.arg(command.get_program()).args(command.get_args());
        fenced.current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => fenced.env(name, value),
                None => fenced.env_remove(name),
            };
        }
        fenced
    }

    /// The processes inside, once nobody is left or this much time is over.
    pub(crate) fn inhabitants(&self, patience: Duration) -> Vec<String> {
        let end = Instant::now() + patience;
        loop {
            let found: Vec<String> = self.groups.iter().flat_map(|group| procs(group)).collect();
            if found.is_empty() || Instant::now() > end {
                return found;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The groups that were made inside.
    pub(crate) fn inner(&self) -> Vec<PathBuf> {
        self.groups.iter().flat_map(|group| folders(group)).collect()
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        for group in &self.groups {
            remove(group);
        }
    }
}

fn folders(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn procs(group: &Path) -> Vec<String> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let told = |pid: &str| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!("{pid} {}", name.trim())
    };
    let own = text.lines().map(told).collect::<Vec<_>>();
    own.into_iter().chain(folders(group).iter().flat_map(|inner| procs(inner))).collect()
}

fn remove(group: &Path) {
    for inner in folders(group) {
        remove(&inner);
    }
    // One that is in use stays, and a test has failed by then.
    let _busy = fs::remove_dir(group);
}
