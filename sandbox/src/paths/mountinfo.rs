//! What is mounted where, as `proc_pid_mountinfo(5)` writes it.
//!
//! Read here and nowhere else, by the harness too, and as bytes: whoever may mount anything, and with `fusermount` that is
//! every user, chooses the name of the place. A blank in it is written as `\040`, and a byte that is no
//! text as it is; neither may hide a mount, or the whole table, from somebody who looks.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A line of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Its number, which is that of no other.
    pub number: String,
    /// The major and minor number of its device, with a colon between them.
    pub device: String,
    /// What of the file system is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub place: PathBuf,
    options: String,
    /// What says that it passes on what is mounted on it, or takes over what is mounted elsewhere.
    pub propagation: Option<String>,
    /// The kind of the file system.
    pub kind: String,
    /// What it is made of, which may be any text.
    pub source: String,
    /// The options of the file system.
    pub settings: String,
}

/// The lines of a table; one that cannot be read is given as it is.
pub fn mounts(table: &[u8]) -> impl Iterator<Item = Result<Mount, &[u8]>> {
    let lines = table.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Mount::parse(line).ok_or(line))
}

/// The lines of a table that can be read, for who looks for one thing and not for all.
pub fn known(table: &[u8]) -> impl Iterator<Item = Mount> {
    mounts(table).filter_map(Result::ok)
}

impl Mount {
    fn parse(line: &[u8]) -> Option<Self> {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let [number, _, device, root, place, options, rest @ ..] = fields.as_slice() else {
            return None;
        };
        let end = rest.iter().position(|field| *field == b"-")?;
        let (propagation, system) = rest.split_at_checked(end)?;
        let [_, kind, source, settings, ..] = system else { return None };
        // `shared:`, `master:` and `propagate_from:`, each with a number; whatever comes later is
        // taken for one of these.
        let passes_on = propagation.iter().find(|field| **field != b"unbindable");
        Some(Self {
            number: text(number),
            device: text(device),
            root: path(root),
            place: path(place),
            options: text(options),
            propagation: passes_on.map(|field| text(field)),
            kind: text(kind),
            source: text(&decoded(source)),
            settings: text(&decoded(settings)),
        })
    }

    /// Whether it is mounted with this option, such as `ro`.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|known| known == option)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(field: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(decoded(field)))
}

/// A field as it is: a blank, for one, is written as `\040`.
fn decoded(mut field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    while let [first, rest @ ..] = field {
        let (byte, rest) = match rest {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] if *first == b'\\' => {
                let digits = [a, b, c].map(|digit| digit - b'0');
                (digits.into_iter().fold(0, |number, digit| number << 3 | digit), rest)
            }
            _ => (*first, rest),
        };
        bytes.push(byte);
        field = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn every_byte_of_a_path_is_read_back() {
        for byte in 0..=u8::MAX {
            let written = format!(r"a\{byte:03o}b");
            assert_eq!(decoded(written.as_bytes()), [b'a', byte, b'b']);
        }
        for text in [r"\", r"\04", r"\08x", r"\400", "plain"] {
            assert_eq!(decoded(text.as_bytes()), text.as_bytes());
        }
        assert_eq!(decoded(b"\xff\xfe"), b"\xff\xfe");
    }

    #[test]
    fn all_fields_are_found_with_any_number_of_tags() {
        for tags in ["", "shared:7 ", "master:1 propagate_from:2 ", "unbindable "] {
            let line = format!(r"23 22 0:51 /a\040b /x ro,nodev {tags}- fuse.x a\040b rw,c=d");
            let found = known(line.as_bytes()).next().unwrap();
            assert_eq!((found.number.as_str(), found.source.as_str()), ("23", "a b"));
            assert_eq!(found.device, "0:51");
            assert_eq!((found.root, found.place), ("/a b".into(), "/x".into()));
            assert!(["ro", "nodev"].iter().all(|it| found.options.split(',').any(|at| at == *it)));
            assert_eq!((found.kind.as_str(), found.settings.as_str()), ("fuse.x", "rw,c=d"));
            let tag = tags.split(' ').next().filter(|tag| !["", "unbindable"].contains(tag));
            assert_eq!(found.propagation.as_deref(), tag);
        }
    }

    #[test]
    fn a_place_that_is_no_text_hides_no_other_line() {
        let table = b"1 0 0:1 / / rw - ext4 /dev/vda rw\n\
                      2 1 0:2 / /tmp/\xff rw - fuse x rw\n\
                      nonsense\n\
                      3 1 0:3 / /sys/fs/cgroup rw - cgroup2  rw\n";
        let places: Vec<_> = known(table).map(|mount| mount.place).collect();
        let strange = PathBuf::from(OsStr::from_bytes(b"/tmp/\xff"));
        assert_eq!(places, [PathBuf::from("/"), strange, PathBuf::from("/sys/fs/cgroup")]);
        assert_eq!(mounts(table).nth(2), Some(Err(b"nonsense".as_slice())));
    }
}
