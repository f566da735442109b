//! Names of members: what is no plain relative path is refused.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};

use super::Fault;
use crate::harvest::note::{NoteKind, Notes};

const MOST_BYTES: usize = 2048;
const MOST_COMPONENT_BYTES: usize = 255;

/// Why a member's name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// It is empty, or has an empty component or `.`, which readers drop or keep.
    #[error("its name has an empty component or `.`")]
    Empty,
    /// It starts at a root or a drive.
    #[error("its name is an absolute path")]
    Absolute,
    /// It climbs out.
    #[error("its name climbs out with `..`")]
    Parent,
    /// It holds a backslash, which some systems take for a slash.
    #[error("its name holds a backslash")]
    Backslash,
    /// It holds a control character, or one that turns the direction of writing.
    #[error("its name holds a control character or one that hides what is written")]
    Character,
    /// A component ends in a dot or blank, which some systems drop.
    #[error("its name has a component that ends in a dot or blank")]
    Ending,
    /// It is too long for a file system.
    #[error("its name is longer than a file system takes")]
    TooLong,
    /// It is not Unicode, or not said to be.
    #[error("its name is not in UTF-8, or not marked to be")]
    Encoding,
}

/// Checks the name of a member, without the slash that ends the name of a directory.
pub(super) fn check(name: &str) -> Result<(), NameFault> {
    if name.len() > MOST_BYTES {
        return Err(NameFault::TooLong);
    }
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return Err(NameFault::Absolute);
    }
    if name.contains('\\') {
        return Err(NameFault::Backslash);
    }
    if name.chars().any(is_hidden) {
        return Err(NameFault::Character);
    }
    name.split('/').try_for_each(|component| match component {
        "" | "." => Err(NameFault::Empty),
        ".." => Err(NameFault::Parent),
        _ if component.len() > MOST_COMPONENT_BYTES => Err(NameFault::TooLong),
        _ if component.ends_with(['.', ' ']) => Err(NameFault::Ending),
        _ => Ok(()),
    })
}

fn is_hidden(it: char) -> bool {
    let turns = matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}');
    let hides = matches!(it, '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    it.is_control() || turns || hides || matches!(it, '\u{2060}'..='\u{2069}')
}

/// The mode of a member without the bits of its type, if it gives no other user's rights.
pub(super) fn check_mode(mode: u32) -> Result<(), Fault> {
    if mode & 0o6000 == 0 { Ok(()) } else { Err(Fault::SetId(mode & 0o7777)) }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
}

/// The names of an archive's members so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    kinds: HashMap<String, Kind>,
    folded: HashSet<String>,
}

impl Names {
    /// Adds a member. Only a directory may come twice.
    pub(super) fn add(&mut self, name: &str, kind: Kind, notes: &mut Notes) -> Result<(), Fault> {
        match self.kinds.insert(name.to_owned(), kind) {
            None => {
                if !self.folded.insert(folded(name)) {
                    notes.add(NoteKind::Twin, name);
                }
                Ok(())
            }
            Some(Kind::Directory) if kind == Kind::Directory => Ok(()),
            Some(_) => Err(Fault::Duplicate),
        }
    }

    /// What `name` stands for.
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        self.kinds.get(name).copied()
    }

    /// The first member, in no order, that has a file or link where it needs a directory.
    pub(super) fn beneath_a_file(&self) -> Option<&str> {
        let blocked = |name: &&String| {
            name.match_indices('/').any(|(at, _)| {
                let parent = name.get(..at).and_then(|parent| self.kind(parent));
                parent.is_some_and(|kind| kind != Kind::Directory)
            })
        };
        self.kinds.keys().find(blocked).map(String::as_str)
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }
}

/// A name as a file system without case would compare it: both case mappings (they join the
/// Kelvin sign and the long s with their letters), full-width forms as ASCII. Not the whole of
/// NFKC, whose tables would be the larger part of this program.
fn folded(name: &str) -> String {
    let narrow = |it: char| match u32::from(it) {
        code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(it),
        _ => it,
    };
    name.chars().map(narrow).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("pkg/__init__.py", Ok(()))]
    #[case("pkg/sub dir/ä+b@c.txt", Ok(()))]
    #[case(".hidden/..x/...y", Ok(()))]
    #[case("", Err(NameFault::Empty))]
    #[case("a//b", Err(NameFault::Empty))]
    #[case("./a", Err(NameFault::Empty))]
    #[case("a/", Err(NameFault::Empty))]
    #[case("/etc/passwd", Err(NameFault::Absolute))]
    #[case("C:x", Err(NameFault::Absolute))]
    #[case("c:/x", Err(NameFault::Absolute))]
    #[case("../a", Err(NameFault::Parent))]
    #[case("a/../../b", Err(NameFault::Parent))]
    #[case("a\\..\\b", Err(NameFault::Backslash))]
    #[case("a\0.py", Err(NameFault::Character))]
    #[case("a\nb", Err(NameFault::Character))]
    #[case("a\u{202e}yp.b", Err(NameFault::Character))]
    #[case("a./b", Err(NameFault::Ending))]
    #[case("a /b", Err(NameFault::Ending))]
    fn a_member_name_is_a_plain_relative_path(
        #[case] name: &str,
        #[case] expected: Result<(), NameFault>,
    ) {
        assert_eq!(check(name), expected);
        assert_eq!(check(&"a".repeat(256)), Err(NameFault::TooLong));
        assert_eq!(check(&"a/".repeat(2000)), Err(NameFault::TooLong));
    }

    #[test]
    fn twins_are_noted_and_duplicates_refused() {
        let (mut names, mut notes) = (Names::default(), Notes::default());
        names.add("pkg/a.py", Kind::File, &mut notes).unwrap();
        names.add("pkg", Kind::Directory, &mut notes).unwrap();
        names.add("pkg", Kind::Directory, &mut notes).unwrap();
        for twin in ["pkg/A.py", "PKG/a.py", "pkg/\u{ff41}.py"] {
            names.add(twin, Kind::File, &mut notes).unwrap();
        }
        assert_eq!(Vec::from(notes).len(), 3);
        let mut notes = Notes::default();
        assert!(names.add("pkg/a.py", Kind::File, &mut notes).is_err());
        assert!(names.add("pkg", Kind::File, &mut notes).is_err());
    }

    #[test]
    fn a_file_cannot_be_a_directory_too() {
        let (mut names, mut notes) = (Names::default(), Notes::default());
        names.add("a/b/c", Kind::File, &mut notes).unwrap();
        names.add("a", Kind::Directory, &mut notes).unwrap();
        assert_eq!(names.beneath_a_file(), None);
        names.add("a/b", Kind::Link, &mut notes).unwrap();
        assert_eq!(names.beneath_a_file(), Some("a/b/c"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn what_passes_stays_beneath(name in prop_oneof![any::<String>(), r"[a./\\:]{0,12}"]) {
            if check(&name).is_ok() {
                let plain = |it| matches!(it, std::path::Component::Normal(_));
                prop_assert!(std::path::Path::new(&name).components().all(plain));
            }
            let _ = folded(&name);
        }
    }
}
