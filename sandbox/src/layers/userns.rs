//! A user namespace with one user in it, so that no capability reaches the host
//! (`user_namespaces(7)`).
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::thread::UnshareFlags;

use crate::host::kernel_file::read_text;
use crate::policy::files::INSIDE_ID;
use crate::policy::levels::Level;
use crate::step::{At, Fault, Step};
use crate::words::{Layer, LayerSet};

pub mod owner;

/// The namespace that the layer asks for.
pub const NAMESPACE: UnshareFlags = UnshareFlags::NEWUSER;

/// The user that the build seems to be, inside; `None` where inside and outside are the same.
#[must_use]
pub fn resolve(level: Level, layers: LayerSet) -> Option<u32> {
    // The two older designs map the caller to root, as `unshare --map-root-user` does; a build
    // that is uid 0 inside keeps every capability over its own namespaces across exec.
    let inside = if level == Level::Full { INSIDE_ID } else { 0 };
    layers.has(Layer::Userns).then_some(inside)
}

/// Maps the one user of the namespace of the process that has this `number` in `/proc`, from the
/// supervisor's side.
///
/// `setgroups` is denied first: a process without supplementary groups could otherwise drop the
/// restrictions that a group membership means (CVE-2014-8989).
///
/// # Errors
/// EPERM where the caller may not map that uid, or where a security module forbids it.
pub fn apply(number: &str, inside: u32, outside: (u32, u32)) -> Result<(), Fault> {
    let write = |file: &str, text: String| {
        OpenOptions::new()
            .write(true)
            .open(format!("/proc/{number}/{file}"))
            .and_then(|mut map| map.write_all(text.as_bytes()))
            .at(Step::MapIds)
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{inside} {} 1", outside.0))?;
    write("gid_map", format!("{inside} {} 1", outside.1))
}

/// Lets the users of this namespace have `most` of what the file `name` of `/proc/sys/user` counts, and
/// looks whether they do. `proc` is the directory of the fresh `/proc`.
///
/// The bound belongs to the namespace of the calling process, and only who has a capability in it can
/// raise it again (`namespaces(7)`). What the namespaces around allow is never exceeded.
///
/// # Errors
/// EACCES where the file is not the writer's own namespace's, EROFS where it cannot be written, IO
/// where it says something else afterwards.
pub fn bound(proc: BorrowedFd<'_>, name: &str, most: u64) -> Result<(), Errno> {
    let path = format!("sys/user/{name}");
    let file = openat(proc, &path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    let text = most.to_string();
    if rustix::io::write(&file, text.as_bytes())? != text.len() {
        return Err(Errno::IO);
    }
    match read_text(proc, &path) {
        Ok(found) if found.trim() == text => Ok(()),
        Ok(_) => Err(Errno::IO),
        Err(error) => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
    }
}
