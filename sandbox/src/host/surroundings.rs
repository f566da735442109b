//! What explains a refusal: the container or service, the settings and the masks around this process.
//!
//! Only `doctor` asks for it. A launch decides by what works, not by why.
#![forbid(unsafe_code)]

use std::path::Path;

use rustix::fs::CWD;
use rustix::thread::{SecureComputingMode, secure_computing_mode};

use crate::host::kernel_file::{read_bytes, read_text};
use crate::paths::mountinfo;

mod container;
mod root;

pub use container::{Container, Service};

/// What is around this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The container that it runs in, if one can be told.
    pub container: Option<Container>,
    /// The service of systemd that it belongs to.
    pub service: Option<Service>,
    /// Whether systemd can be asked for scopes and services.
    pub systemd: Systemd,
    /// The root directory was changed by `chroot(2)`.
    pub chroot: bool,
    /// A system call filter is on already.
    pub filtered: bool,
    /// What keeps user namespaces from ordinary users.
    pub restriction: Option<Restriction>,
    /// Parts of `/proc` over which something is mounted.
    pub covered_proc: Vec<String>,
    /// It was tried, and files in memory cannot be shown as another user's.
    pub fixed_owners_in_memory: bool,
}

/// Whether systemd can be asked for scopes and services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Systemd {
    /// It does not run this machine or container.
    #[default]
    Absent,
    /// It does, and root can ask it.
    Machine,
    /// The caller has a manager of his own.
    Own,
}

/// A setting that keeps user namespaces from ordinary users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1, as on Ubuntu since 23.10.
    AppArmor,
    /// `kernel.unprivileged_userns_clone` is 0, as on older Debian.
    CloneOff,
}

impl Surroundings {
    /// Looks around, without trying anything. Files that cannot be read count as absent.
    #[must_use]
    pub fn probe() -> Self {
        let read = |path: &str| read_text(CWD, path).unwrap_or_default();
        let mounts = read_bytes(CWD, "/proc/self/mountinfo").unwrap_or_default();
        let cgroup = read("/proc/self/cgroup");
        let set = |name: &str, to: &str| read(&format!("/proc/sys/kernel/{name}")).trim() == to;
        Self {
            container: container::probe(&mounts, &cgroup),
            service: container::service(&cgroup),
            systemd: systemd(),
            chroot: root::is_changed(&mounts, root::of_others()),
            filtered: is_filtered(),
            restriction: if set("unprivileged_userns_clone", "0") {
                Some(Restriction::CloneOff)
            } else {
                set("apparmor_restrict_unprivileged_userns", "1").then_some(Restriction::AppArmor)
            },
            covered_proc: covered_proc(&mounts).collect(),
            fixed_owners_in_memory: false,
        }
    }
}

/// By the socket at which the caller's own manager is asked, and the directory that tells that systemd
/// is process 1 (`sd_booted(3)`).
fn systemd() -> Systemd {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR");
    if runtime.is_some_and(|place| Path::new(&place).join("systemd/private").exists()) {
        Systemd::Own
    } else if Path::new("/run/systemd/system").exists() {
        Systemd::Machine
    } else {
        Systemd::Absent
    }
}

/// Whether a system call filter is on already, as in most containers.
fn is_filtered() -> bool {
    !matches!(secure_computing_mode(), Ok(SecureComputingMode::Disabled))
}

/// The parts of `/proc` over which something lies, which keeps a fresh one from being mounted.
fn covered_proc(mounts: &[u8]) -> impl Iterator<Item = String> {
    let points = mountinfo::known(mounts).map(|mount| mount.place);
    let empty = [Path::new("/proc"), Path::new(BINARY_FORMATS)];
    let points =
        points.filter(move |point| point.starts_with("/proc") && !empty.contains(&&**point));
    points.map(|point| point.to_string_lossy().into_owned())
}

/// A directory of `/proc` that is always empty, over which a mount does not count.
const BINARY_FORMATS: &str = "/proc/sys/fs/binfmt_misc";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_over_a_part_of_proc_is_seen() {
        let plain = "23 27 0:21 / /proc rw - proc proc rw\n30 23 0:9 / /proc/sys/fs/binfmt_misc rw - b b rw";
        assert_eq!(covered_proc(plain.as_bytes()).next(), None);
        let masked = format!("{plain}\n31 23 0:9 / /proc/acpi ro,relatime - tmpfs tmpfs ro");
        assert_eq!(covered_proc(masked.as_bytes()).collect::<Vec<_>>(), ["/proc/acpi"]);
    }
}
