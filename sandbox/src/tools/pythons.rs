//! How a Python is known: by the name of its program, and by what lies around that.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The names by which a directory's own interpreter is found.
pub(super) const NAMES: [&str; 2] = ["python3", "python"];

/// Whether a program of that name is an interpreter of Python.
pub(super) fn is_named_python(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    [&b"python"[..], b"pypy"].iter().any(|begin| name.starts_with(begin))
}

/// Whether a program can be started by that path.
pub(super) fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
