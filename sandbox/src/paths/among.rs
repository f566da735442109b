//! The places that the value of a variable names.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// What parts one word of a value from the next: blanks, quotes, and what lists and settings are made
/// with.
const BOUNDS: &[u8] = b" \t\n\r\"'`:;,=|";

/// Beginnings of flags behind which a path stands without a blank.
const FLAGS: [&[u8]; 6] = [b"-I", b"-L", b"-B", b"-F", b"-isystem", b"@"];

/// The absolute paths that a value names: a path, a list of them, a command, or flags. Each once, in
/// their order.
pub(crate) fn among(value: &OsStr) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    // `https://host/path` names no place here.
    if value.as_bytes().windows(3).any(|three| three == b"://") {
        return found;
    }
    for word in value.as_bytes().split(|byte| BOUNDS.contains(byte)) {
        let rest = FLAGS.iter().find_map(|flag| word.strip_prefix(*flag)).unwrap_or(word);
        let path = PathBuf::from(OsStr::from_bytes(rest));
        if rest.starts_with(b"/") && rest.len() > 1 && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_lists_commands_and_flags() {
        let among = |value: &str| {
            let found = among(OsStr::new(value)).into_iter();
            found.map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(among("/opt/jdk"), ["/opt/jdk"]);
        assert_eq!(among("/a:/b;/c:/a"), ["/a", "/b", "/c"]);
        assert_eq!(among("/opt/gcc/bin/gcc -m64"), ["/opt/gcc/bin/gcc"]);
        assert_eq!(among("-I/a -L/b -Wl,-rpath,/c -isystem/d"), ["/a", "/b", "/c", "/d"]);
        assert_eq!(among("-DX_DIR=/x -DY='/y z'"), ["/x", "/y"]);
        assert!(among("gcc -O2 ../x a/b /").is_empty());
        assert!(among("https://host/path").is_empty());
    }
}
