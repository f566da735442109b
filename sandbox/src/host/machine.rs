//! Which processors and nodes of memory a machine has, as `/sys/devices/system` tells it
//! (`sysfs(5)`; the kernel's `Documentation/ABI/stable/sysfs-devices-system-cpu`).
#![forbid(unsafe_code)]

use std::path::Path;

use rustix::fs::CWD;

use super::kernel_file::read_text;

/// Which processors there are.
const PROCESSORS: [&str; 4] = ["online", "possible", "present", "kernel_max"];
/// How one of them shares cores and sockets with others.
const TOPOLOGY: [&str; 6] = [
    "core_id",
    "physical_package_id",
    "thread_siblings",
    "thread_siblings_list",
    "core_siblings",
    "core_siblings_list",
];
/// Which nodes of memory there are.
const NODES: [&str; 4] = ["online", "possible", "has_cpu", "has_memory"];
/// Which processors a node has, and how far it is from others.
const NODE: [&str; 3] = ["cpulist", "cpumap", "distance"];

/// The most processors of which more is told than that they are there. It would cost a launch more
/// than programs gain by it.
const MOST_TOLD: usize = 16;
/// The most processors, or nodes, that get a directory.
const MOST: u32 = 1024;

/// What is told of a machine: paths below `/sys/devices/system`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Files, and their texts.
    pub files: Vec<(String, String)>,
    /// Directories that would be empty otherwise, or missing.
    pub directories: Vec<String>,
}

impl Machine {
    /// What the files below `place` say, as far as they are there.
    pub(super) fn look(place: &Path) -> Self {
        let mut machine = Self::default();
        machine.read(place, "cpu", &PROCESSORS);
        let processors = machine.numbers("cpu/present");
        for number in &processors {
            let name = format!("cpu/cpu{number}");
            if processors.len() <= MOST_TOLD {
                machine.read(place, &format!("{name}/topology"), &TOPOLOGY);
            }
            machine.directories.push(name);
        }
        machine.read(place, "node", &NODES);
        for number in machine.numbers("node/online") {
            machine.read(place, &format!("node/node{number}"), &NODE);
        }
        machine
    }

    fn read(&mut self, place: &Path, directory: &str, names: &[&str]) {
        for name in names {
            let path = format!("{directory}/{name}");
            if let Ok(text) = read_text(CWD, place.join(&path)) {
                self.files.push((path, text));
            }
        }
    }

    fn numbers(&self, path: &str) -> Vec<u32> {
        let list = self.files.iter().find(|(known, _)| known == path);
        list.map(|(_, text)| listed(text)).unwrap_or_default()
    }
}

/// The numbers of a list such as `0-3,8` (`cpuset(7)`, "List format").
fn listed(text: &str) -> Vec<u32> {
    let ranges = text.trim().split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse::<u32>().ok()?.min(MOST))
    });
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A machine with these processors and two nodes.
    fn machine(present: &str) -> (tempfile::TempDir, Machine) {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("cpu/present", present);
        for number in listed(present) {
            write(&format!("cpu/cpu{number}/topology/core_id"), "0\n");
        }
        write("node/online", "0-1\n");
        for number in 0..2 {
            write(&format!("node/node{number}/cpulist"), "0-1\n");
            write(&format!("node/node{number}/meminfo"), "Node 0 MemTotal: 1 kB\n");
        }
        let machine = Machine::look(root.path());
        (root, machine)
    }

    #[test]
    fn processors_and_nodes_are_told_and_nothing_else() {
        let (_root, Machine { files, directories }) = machine("0,2\n");
        let files: Vec<_> = files.iter().map(|(path, _)| path.as_str()).collect();
        let told = [
            "cpu/present",
            "cpu/cpu0/topology/core_id",
            "cpu/cpu2/topology/core_id",
            "node/online",
            "node/node0/cpulist",
            "node/node1/cpulist",
        ];
        assert_eq!(files, told);
        assert_eq!(directories, ["cpu/cpu0", "cpu/cpu2"]);
    }

    #[test]
    fn of_many_processors_only_that_they_are_there() {
        let (_root, machine) = machine("0-63\n");
        assert_eq!(machine.directories.len(), 64);
        assert!(machine.files.iter().all(|(path, _)| !path.contains("topology")));
    }

    #[test]
    fn a_machine_without_such_files_has_nothing_to_tell() {
        let nowhere = tempfile::tempdir().unwrap();
        assert_eq!(Machine::look(nowhere.path()), Machine::default());
    }

    #[test]
    fn a_list_is_read_in_bounds() {
        assert_eq!(listed("0-3,8\n"), [0, 1, 2, 3, 8]);
        assert_eq!(listed("0-4294967295").len(), 1025);
        for nonsense in ["", "a-b", "3-1", "-"] {
            assert_eq!(listed(nonsense), [] as [u32; 0], "{nonsense}");
        }
    }
}
