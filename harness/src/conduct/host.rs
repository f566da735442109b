//! What no trial may change on the host: the kernel's global settings, and its mounts.
//!
//! Files are not compared: a lab cannot write the host's, which a test shows, and an administrator
//! may well add an account while a run is under way.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;

use crate::lab::layout::MARKER;

/// Settings of the kernel that no namespace keeps apart and that root could use to get out.
const SETTINGS: [&str; 19] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/core_uses_pid",
    "/proc/sys/kernel/core_pipe_limit",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/unprivileged_bpf_disabled",
    "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/kptr_restrict",
    "/proc/sys/kernel/dmesg_restrict",
    "/proc/sys/kernel/perf_event_paranoid",
    "/proc/sys/fs/protected_symlinks",
    "/proc/sys/fs/protected_hardlinks",
    "/proc/sys/fs/protected_fifos",
    "/proc/sys/fs/protected_regular",
    "/proc/sys/fs/suid_dumpable",
    "/proc/sys/vm/mmap_min_addr",
    "/proc/sys/vm/overcommit_memory",
];

/// The host at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Baseline {
    settings: BTreeMap<&'static str, String>,
}

impl Baseline {
    /// Looks at the host.
    pub(super) fn take() -> Self {
        let text = |path: &'static str| Some((path, fs::read_to_string(path).ok()?));
        Self { settings: SETTINGS.into_iter().filter_map(text).collect() }
    }

    /// What is different now; settings are set back.
    pub(super) fn difference(&self) -> Option<String> {
        let now = Self::take();
        for (path, value) in &self.settings {
            if now.settings.get(path) != Some(value) {
                let restored = fs::write(path, value).is_ok();
                let how = if restored { "it was set back" } else { "it could not be set back" };
                return Some(format!("{path} of the host was changed; {how}"));
            }
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let left = mounts.lines().find(|line| line.contains(MARKER))?;
        let place = left.split(' ').nth(4).unwrap_or("an unknown place");
        Some(format!("a mount of a lab is left on the host at {place}"))
    }
}
