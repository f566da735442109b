//! Whether this program was given more than whoever started it has: by a set-id bit, or by
//! capabilities of its file.
//!
//! It opens, mounts and hands over what its options name with all that it may do. For a caller who
//! may do less that would be a way to become root.
#![forbid(unsafe_code)]

use rustix::fs::getxattr;
use rustix::process::{getegid, geteuid, getgid, getuid};

/// What gives it more, if something does.
pub(super) fn found() -> Option<&'static str> {
    if getuid() != geteuid() {
        return Some("a set-uid bit");
    }
    if getgid() != getegid() {
        return Some("a set-gid bit");
    }
    // Of a caller who has all of them already they change nothing.
    let mut value = [0_u8; 64];
    let has = getxattr("/proc/self/exe", c"security.capability", &mut value[..]).is_ok();
    (has && !geteuid().is_root()).then_some("capabilities of its own")
}
