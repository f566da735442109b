//! Which paths of the host a build sees, and what the private ones hold.
#![forbid(unsafe_code)]

use std::path::PathBuf;

/// Names in `/` that belong to the operating system; links among them are reproduced as links.
pub const SYSTEM: &[&str] = &["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// What a build sees of `/etc`, where the host has it.
pub const ETC: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "fonts",
    "gai.conf",
    "java",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "machine-info",
    "mime.types",
    "os-release",
    "pki/ca-trust",
    "pki/java",
    "pki/tls/certs",
    "pki/tls/cert.pem",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "timezone",
];

/// Roots of tool chains: what PATH names below one of them is granted read-only.
pub const TOOL_ROOTS: &[&str] = &["/opt", "/usr/local", "/nix/store", "/snap"];

/// Cargo's programs below a home; granted read-only where PATH names them.
pub const CARGO_PROGRAMS: &str = ".cargo/bin";
/// The variable that names rustup's directory.
pub const RUSTUP_HOME: &str = "RUSTUP_HOME";
/// What of rustup's directory is granted with cargo's programs.
pub const RUSTUP_PARTS: &[&str] = &["toolchains", "settings.toml"];

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
];

/// Directories of `/proc` that are covered by an empty one.
pub const PROC_MASKED_DIRECTORIES: &[&str] = &["acpi", "scsi", "irq", "fs"];

/// Directories of `/proc` that are made read-only.
pub const PROC_READ_ONLY: &[&str] = &["sys", "bus"];

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
