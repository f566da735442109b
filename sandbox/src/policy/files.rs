//! Which paths of the host a build sees, and what the private ones hold.
#![forbid(unsafe_code)]

use std::path::PathBuf;

mod etc;

pub use etc::{ETC, Shared, WITHHELD};

/// Names in `/` that belong to the operating system; links among them are reproduced as links.
pub const SYSTEM: &[&str] = &["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Roots of tool chains: what PATH and variables name below one of them is granted read-only.
pub const TOOL_ROOTS: &[&str] = &["/opt", "/snap", "/home/linuxbrew"];
/// Stores, whose parts lean on each other and are nobody's: granted whole.
pub const STORES: &[&str] = &["/nix/store", "/gnu/store"];

/// Cargo's programs below a home; granted read-only where PATH names them.
pub const CARGO_PROGRAMS: &str = ".cargo/bin";
/// The variable that names cargo's directory.
pub const CARGO_HOME: &str = "CARGO_HOME";
/// The variable that names pyenv's directory.
pub const PYENV_ROOT: &str = "PYENV_ROOT";
/// Variables that name a directory of a program that installs Pythons, and where in it these lie.
pub const PYTHONS: &[(&str, &str)] = &[
    ("UV_PYTHON_INSTALL_DIR", ""),
    (PYENV_ROOT, "versions"),
    ("ASDF_DATA_DIR", "installs/python"),
    ("MISE_DATA_DIR", "installs/python"),
];
/// Where they lie below a home without such a variable.
pub const PYTHONS_OF_HOME: &[&str] = &[".pyenv/versions", ".asdf/installs/python", ".rye/py"];
/// And below the directory of a user's data (`XDG_DATA_HOME`, else `.local/share`).
pub const PYTHONS_OF_DATA: &[&str] =
    &["uv/python", "mise/installs/python", "hatch/pythons", "pdm/python"];
/// The variable that names rustup's directory.
pub const RUSTUP_HOME: &str = "RUSTUP_HOME";
/// What of rustup's directory is granted with cargo's programs. Its proxies make `update-hashes` where it
/// is missing, and give up where they cannot.
pub const RUSTUP_PARTS: &[&str] = &["toolchains", "settings.toml", "update-hashes"];

/// Where programs count processors and nodes of memory (`sysconf(3)`, `lscpu(1)`, `numa(7)`). A build
/// finds their numbers there, most of which it may have from `/proc` too.
pub const MACHINE: &str = "/sys/devices/system";

/// Directories of `/sys` that programs list to find devices. A build has loopback, and none.
pub const EMPTY_OF_SYS: &[&str] = &["/sys/class/net/lo", "/sys/bus/pci/devices", "/sys/block"];

/// Device nodes that a build sees.
pub const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// Entries of `/proc` that are covered by `/dev/null`: they tell of the machine or act on it.
pub const PROC_MASKED_FILES: &[&str] = &[
    "kcore",
    "keys",
    "key-users",
    "kallsyms",
    "kmsg",
    "timer_list",
    "sysrq-trigger",
    "sched_debug",
    "kpagecount",
    "kpageflags",
    "kpagecgroup",
    "locks",
];

/// Directories of `/proc` that are covered by an empty one.
pub const PROC_MASKED_DIRECTORIES: &[&str] = &["acpi", "scsi", "irq", "fs"];

/// Directories of `/proc` that are made read-only. What is written into `pressure` is a trigger on all
/// of the machine (`Documentation/accounting/psi.rst`): each is looked at every two seconds, and twenty
/// thousand of them keep their process from ending for minutes.
pub const PROC_READ_ONLY: &[&str] = &["sys", "bus", "pressure"];

/// Where a build finds its home, its temporary files and its name.
pub const HOME: &str = "/home/build";
/// The name of the user inside.
pub const USER: &str = "build";
/// The uid and gid inside, where they are not those outside.
pub const INSIDE_ID: u32 = 1000;

/// What the caller asks for beyond the allow list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesPolicy {
    /// Where the large writable places lie; in memory when not given.
    pub scratch: Option<PathBuf>,
    /// Let the build write to the source tree itself.
    pub in_place: bool,
}
