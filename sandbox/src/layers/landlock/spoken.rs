//! The rules in words, for people.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{
    CONNECT_SEND_UDP, CONNECT_TCP, EXECUTE, IOCTL_DEV, MAKE_REG, READ_DIR, READ_FILE, RESOLVE_UNIX,
    Rules, SIGNALS, WRITE_FILE,
};

/// A right, and the word for it and those that are given with it.
const WORDS: [(u64, &str); 6] = [
    (READ_DIR, "list"),
    (READ_FILE, "read"),
    (EXECUTE, "execute"),
    (WRITE_FILE, "write"),
    (MAKE_REG, "make"),
    (IOCTL_DEV, "control"),
];

impl Rules {
    /// What is allowed, by path.
    pub fn grants(&self) -> impl Iterator<Item = (&Path, Vec<&'static str>)> {
        self.grants.iter().map(|(path, rights)| {
            let given = WORDS.iter().filter(move |(right, _)| rights & right != 0);
            let path = Path::new(OsStr::from_bytes(path.to_bytes()));
            (path, given.map(|(_, word)| *word).collect())
        })
    }

    /// Whether a path-name socket of others is out of reach, unless where it lies is granted for
    /// writing.
    #[must_use]
    pub const fn denies_sockets(&self) -> bool {
        self.handled.files & RESOLVE_UNIX != 0
    }

    /// What is denied besides files that are not granted.
    #[must_use]
    pub fn denied(&self) -> Vec<&'static str> {
        let kinds = [
            (self.handled.network & CONNECT_TCP != 0, "TCP"),
            (self.handled.network & CONNECT_SEND_UDP != 0, "UDP"),
            (self.denies_sockets(), "path-name sockets of others that are not granted for writing"),
            (self.handled.scopes & SIGNALS != 0, "abstract sockets and signals of others"),
            (true, "tracing others"),
        ];
        kinds.into_iter().filter_map(|(denied, what)| denied.then_some(what)).collect()
    }
}
