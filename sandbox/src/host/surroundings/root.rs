//! Whether the root directory was changed by `chroot(2)`, below which the kernel makes no user
//! namespaces (`user_namespaces(7)`).
#![forbid(unsafe_code)]

use std::path::Path;

use rustix::fs::CWD;

use crate::host::kernel_file::{read_bytes, read_text};
use crate::paths::mountinfo::{self, Mount};

/// How many of the processes above this one are looked at.
const ANCESTORS: usize = 64;

/// Whether the root directory is another than that of the mount namespace, by what is mounted as this
/// process sees it, and as `others` do (`proc_pid_mountinfo(5)`).
///
/// Below a directory that is no mount there is none at `/`. Where it is one, whoever has kept the old
/// root sees the same mount elsewhere: its number is that of no other.
pub(super) fn is_changed<T: AsRef<[u8]>>(own: &[u8], others: impl Iterator<Item = T>) -> bool {
    let own: Vec<Mount> = mountinfo::known(own).collect();
    if own.is_empty() {
        // Nothing is known without `/proc`.
        return false;
    }
    let is_root = |mount: &Mount| mount.place == Path::new("/");
    let Some(root) = own.iter().rev().find(|mount| is_root(mount)) else { return true };
    let elsewhere = |table: T| {
        let mut found = mountinfo::known(table.as_ref());
        found.any(|mount| mount.number == root.number && !is_root(&mount))
    };
    others.into_iter().any(elsewhere)
}

/// The mounts that process 1 and those above this one see, of which the caller may know.
pub(super) fn of_others() -> impl Iterator<Item = Vec<u8>> {
    let above = std::iter::successors(Some("self".to_owned()), |pid| {
        let stat = read_text(CWD, format!("/proc/{pid}/stat")).ok()?;
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.to_owned();
        (parent != "0").then_some(parent)
    });
    let pids = std::iter::once("1".to_owned()).chain(above.skip(1).take(ANCESTORS));
    pids.filter_map(|pid| read_bytes(CWD, format!("/proc/{pid}/mountinfo")).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str =
        "22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 0:21 / /proc rw - proc proc rw";

    fn changed(own: &str, others: &[&str]) -> bool {
        is_changed(own.as_bytes(), others.iter())
    }

    #[test]
    fn a_machine_and_a_container_have_a_root_that_is_a_mount() {
        assert!(!changed(MACHINE, &[MACHINE]));
        let container =
            "90 80 0:50 / / rw - overlay overlay rw\n91 90 0:51 / /proc rw - proc proc rw";
        assert!(!changed(container, &[container, MACHINE]));
        assert!(!changed("", &[]), "nothing can be seen");
    }

    #[test]
    fn below_a_plain_directory_there_is_no_mount_at_the_root() {
        assert!(changed("60 22 0:21 / /proc rw - proc proc rw", &[]));
    }

    #[test]
    fn a_mount_that_others_see_elsewhere_is_no_root() {
        let own =
            "60 22 254:0 /srv/tree / rw - ext4 /dev/vda rw\n61 60 0:21 / /proc rw - proc p rw";
        let outside = format!("{MACHINE}\n60 22 254:0 /srv/tree /srv/tree rw - ext4 /dev/vda rw");
        assert!(changed(own, &[own, &outside]));
        assert!(!changed(own, &[own]), "nobody who has kept the old root can be seen");
    }
}
