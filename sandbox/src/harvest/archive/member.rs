//! Names of members: what is no plain relative path is refused.
#![forbid(unsafe_code)]

use super::Fault;
use super::twins::is_ignored;
use crate::harvest::limits::{NAME_BYTES, PART_BYTES};

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
pub(in crate::harvest) fn check(name: &str) -> Result<(), NameFault> {
    if name.len() > NAME_BYTES {
        return Err(NameFault::TooLong);
    }
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return Err(NameFault::Absolute);
    }
    if name.contains('\\') {
        return Err(NameFault::Backslash);
    }
    if hides(name) {
        return Err(NameFault::Character);
    }
    name.split('/').try_for_each(|component| match component {
        "" | "." => Err(NameFault::Empty),
        ".." => Err(NameFault::Parent),
        _ if component.len() > PART_BYTES => Err(NameFault::TooLong),
        _ if component.ends_with(['.', ' ']) => Err(NameFault::Ending),
        _ => Ok(()),
    })
}

/// Whether a name has characters that cannot be seen where they are not part of one that can.
///
/// Three kinds are (UTS #51, and chapter 23.2 of the Unicode standard): selectors of a variant; joiners
/// behind a letter or picture that they can join, which none of ASCII is, and before something that can
/// be seen; and the tags that make a black flag that of a region, with the one that ends them.
fn hides(name: &str) -> bool {
    let mut chars = name.chars().peekable();
    // The last character that can be seen.
    let mut last = '/';
    while let Some(it) = chars.next() {
        match it {
            _ if selects(it) => {}
            '\u{200c}' | '\u{200d}' => {
                let seen = chars.peek().is_some_and(|next| is_seen(*next) && *next != '/');
                if last.is_ascii() || !seen {
                    return true;
                }
            }
            _ if !is_seen(it) => return true,
            '\u{1f3f4}' => {
                let mut tagged = false;
                while chars.next_if(|it| matches!(it, '\u{e0020}'..='\u{e007e}')).is_some() {
                    tagged = true;
                }
                if tagged && chars.next_if_eq(&'\u{e007f}').is_none() {
                    return true;
                }
                last = it;
            }
            _ => last = it,
        }
    }
    false
}

/// Selectors of a variant are written behind many a picture, and hide nothing.
const fn selects(it: char) -> bool {
    matches!(it, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_seen(it: char) -> bool {
    !it.is_control() && !matches!(it, '\u{2028}' | '\u{2029}') && !is_ignored(it)
}

/// The mode of a member without the bits of its type, if it gives no other user's rights. On a directory
/// the bit for groups gives none: what is made there belongs to its group (`inode(7)`).
pub(super) fn check_mode(mode: u32, is_directory: bool) -> Result<(), Fault> {
    let harmless = if is_directory { 0o2000 } else { 0 };
    if mode & 0o6000 & !harmless == 0 { Ok(()) } else { Err(Fault::SetId(mode & 0o7777)) }
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
    #[case("a\u{61c}b", Err(NameFault::Character))]
    #[case("a\u{3164}", Err(NameFault::Character))]
    #[case("a\u{ad}b", Err(NameFault::Character))]
    #[case("\u{2764}\u{fe0f}.txt", Ok(()))]
    #[case::a_family("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}.svg", Ok(()))]
    #[case::a_rainbow("\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}.svg", Ok(()))]
    #[case::persian("\u{645}\u{6cc}\u{200c}\u{62e}\u{648}.txt", Ok(()))]
    #[case::devanagari("\u{915}\u{94d}\u{200d}\u{937}.txt", Ok(()))]
    #[case::malayalam("\u{d28}\u{d4d}\u{200d}.txt", Ok(()))]
    #[case::england("\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}.svg", Ok(()))]
    #[case::a_black_flag("\u{1f3f4}.svg", Ok(()))]
    #[case::pirates("\u{1f3f4}\u{200d}\u{2620}\u{fe0f}.svg", Ok(()))]
    #[case("a\u{200d}b", Err(NameFault::Character))]
    #[case("pkg/\u{200c}\u{645}", Err(NameFault::Character))]
    #[case("\u{645}\u{200d}\u{200d}\u{645}", Err(NameFault::Character))]
    #[case("\u{645}\u{200c}", Err(NameFault::Character))]
    #[case("\u{645}\u{200c}/a", Err(NameFault::Character))]
    #[case("\u{645}\u{200c}\u{200b}a", Err(NameFault::Character))]
    #[case("\u{645}\u{200b}\u{645}", Err(NameFault::Character))]
    #[case("\u{1f3f4}\u{e0067}\u{e0062}.svg", Err(NameFault::Character))]
    #[case("\u{1f3f4}\u{e007f}.svg", Err(NameFault::Character))]
    #[case("\u{1f3f3}\u{e0067}\u{e007f}.svg", Err(NameFault::Character))]
    #[case("a\u{e0062}\u{e007f}", Err(NameFault::Character))]
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
    fn no_set_id_bit_gives_rights() {
        for mode in 0..=0o7777 {
            assert_eq!(check_mode(mode, false).is_ok(), mode & 0o6000 == 0, "{mode:o}");
            assert_eq!(check_mode(mode, true).is_ok(), mode & 0o4000 == 0, "{mode:o}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn what_passes_stays_beneath(name in prop_oneof![any::<String>(), r"[a./\\:]{0,12}"]) {
            if check(&name).is_ok() {
                let plain = |it| matches!(it, std::path::Component::Normal(_));
                prop_assert!(std::path::Path::new(&name).components().all(plain));
            }
        }
    }
}
