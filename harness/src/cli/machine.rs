//! What the record of a run says of the machine: whatever decides which attacks can work.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;

/// The settings of the kernel that hide or show bugs of a sandbox.
const SETTINGS: [&str; 11] = [
    "dev/tty/legacy_tiocsti",
    "fs/protected_fifos",
    "fs/protected_hardlinks",
    "fs/protected_regular",
    "fs/protected_symlinks",
    "kernel/io_uring_disabled",
    "kernel/kptr_restrict",
    "kernel/perf_event_paranoid",
    "kernel/unprivileged_bpf_disabled",
    "kernel/yama/ptrace_scope",
    "user/max_user_namespaces",
];

/// Kernel, architecture, versions and settings.
pub(super) fn facts() -> BTreeMap<String, String> {
    let uname = rustix::system::uname();
    let mut facts = BTreeMap::from([
        ("kernel".to_owned(), uname.release().to_string_lossy().into_owned()),
        ("architecture".to_owned(), uname.machine().to_string_lossy().into_owned()),
        ("harness".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    for setting in SETTINGS {
        let value = fs::read_to_string(format!("/proc/sys/{setting}"));
        let value = value.map_or_else(|_| "absent".to_owned(), |text| text.trim().to_owned());
        facts.insert(setting.replace('/', "."), value);
    }
    facts
}
