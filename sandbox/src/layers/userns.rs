//! A user namespace with one user in it, so that no capability reaches the host
//! (`user_namespaces(7)`).
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::Write;

use rustix::process::Pid;
use rustix::thread::UnshareFlags;

use crate::policy::files::INSIDE_ID;
use crate::policy::levels::Level;
use crate::step::{At, Fault, Step};
use crate::words::{Layer, LayerSet};

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

/// Maps the one user of the namespace of process `pid`, from the supervisor's side.
///
/// `setgroups` is denied first: a process without supplementary groups could otherwise drop the
/// restrictions that a group membership means (CVE-2014-8989).
///
/// # Errors
/// EPERM where the caller may not map that uid, or where a security module forbids it.
pub fn apply(pid: Pid, inside: u32, outside: (u32, u32)) -> Result<(), Fault> {
    let write = |file: &str, text: String| {
        OpenOptions::new()
            .write(true)
            .open(format!("/proc/{}/{file}", pid.as_raw_nonzero()))
            .and_then(|mut map| map.write_all(text.as_bytes()))
            .at(Step::MapIds)
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{inside} {} 1", outside.0))?;
    write("gid_map", format!("{inside} {} 1", outside.1))
}
