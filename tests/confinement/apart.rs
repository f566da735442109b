//! A test with mounts and accounts of its own, so that it can say that none is left, whatever else
//! happens on the machine.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use crate::shared::{compare_mounts, share_mounts_anew};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};

/// Uids for builds of this process alone, for a sweep ends every process of a uid, and tests of another
/// checkout may run beside these.
pub fn leased() -> RangeInclusive<u32> {
    let first = 20_000 + std::process::id() % 500 * 64;
    first..=first + 31
}

/// A uid for the one build of a test that runs beside the others; they have other numbers.
pub fn leased_alone(number: u32) -> u32 {
    leased().end() + 1 + number
}

/// The uids of accounts that are made there; likewise.
pub fn accounts() -> RangeInclusive<u32> {
    let first = 2_000 + std::process::id() % 250 * 64;
    first..=first + 63
}

/// Gives this thread, and all that it starts from now on, mounts of its own, which are shared, and a
/// copy of `/etc`.
pub fn set_apart() -> tempfile::TempDir {
    compare_mounts();
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    let place = crate::machine::directory();
    // What somebody removes meanwhile, such as a lock of `useradd`, is not missed.
    let _ = Command::new("/bin/cp").args(["-a", "/etc"]).arg(place.path()).output().unwrap();
    let copy = place.path().join("etc");
    for lock in [".pwd.lock", "passwd.lock", "shadow.lock", "group.lock", "gshadow.lock"] {
        let _ = fs::remove_file(copy.join(lock));
    }
    let (first, last) = accounts().into_inner();
    let settings = fs::read_to_string(copy.join("login.defs")).unwrap_or_default();
    let settings = settings.lines().filter(|line| !line.starts_with("SYS_"));
    let own = format!(
        "SYS_UID_MIN {first}\nSYS_UID_MAX {last}\nSYS_GID_MIN {first}\nSYS_GID_MAX {last}\n"
    );
    fs::write(copy.join("login.defs"), settings.fold(own, |text, line| text + line + "\n"))
        .unwrap();
    mount_bind(&copy, "/etc").unwrap();
    share_mounts_anew();
    place
}

/// Files that tell of accounts and mounts, as this thread sees them.
const TABLES: [&str; 4] =
    ["/etc/passwd", "/etc/shadow", "/etc/group", "/proc/thread-self/mountinfo"];

/// The accounts and mounts that there are.
pub fn tables() -> Vec<String> {
    TABLES.iter().map(|file| fs::read_to_string(Path::new(file)).unwrap()).collect()
}
