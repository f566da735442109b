//! What no trial may change on the host: its mounts, its accounts, the kernel's global settings.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;

/// Settings of the kernel that no namespace keeps apart and that root could use to get out.
const SETTINGS: [&str; 12] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/kptr_restrict",
    "/proc/sys/kernel/dmesg_restrict",
    "/proc/sys/kernel/perf_event_paranoid",
    "/proc/sys/fs/protected_symlinks",
    "/proc/sys/fs/protected_hardlinks",
    "/proc/sys/fs/suid_dumpable",
    "/proc/sys/vm/overcommit_memory",
];

/// Files that every lab shows and no lab may change.
const FILES: [&str; 3] = ["/etc/passwd", "/etc/shadow", "/etc/group"];

/// The host at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Baseline {
    settings: BTreeMap<&'static str, String>,
    files: BTreeMap<&'static str, Vec<u8>>,
    mounts: String,
}

impl Baseline {
    /// Looks at the host.
    pub(crate) fn take() -> Self {
        let text = |path: &'static str| Some((path, fs::read_to_string(path).ok()?));
        let bytes = |path: &'static str| Some((path, fs::read(path).ok()?));
        Self {
            settings: SETTINGS.into_iter().filter_map(text).collect(),
            files: FILES.into_iter().filter_map(bytes).collect(),
            mounts: fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(),
        }
    }

    /// What is different now; settings are set back.
    pub(crate) fn difference(&self) -> Option<String> {
        let now = Self::take();
        for (path, value) in &self.settings {
            let current = now.settings.get(path);
            if current != Some(value) {
                let restored = fs::write(path, value).is_ok();
                let how = if restored { "it was set back" } else { "it could not be set back" };
                return Some(format!("{path} of the host was changed; {how}"));
            }
        }
        if let Some((path, _)) =
            self.files.iter().find(|(path, was)| now.files.get(*path) != Some(was))
        {
            return Some(format!("{path} of the host changed during a trial"));
        }
        let mut left = now.mounts.lines();
        left.find(|line| line.contains("bulkhead-lab")).map(|line| {
            format!(
                "a mount of a lab is left on the host at {}",
                line.split(' ').nth(4).unwrap_or("?")
            )
        })
    }
}
