//! Places of an archive's members that are one place on other file systems.
//!
//! Where case, width, the way in which an accent is written, or what Windows does not take in a name
//! makes no difference, one of two members replaces the other, and which one depends on who unpacks.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use unicode_normalization::UnicodeNormalization as _;

use super::Fault;

/// The places so far, as the tree that they are in where no such difference is made.
#[derive(Debug)]
pub(in crate::harvest) struct Twins {
    /// By the number of what a part lies in and a digest of it as it is compared.
    children: HashMap<(usize, u64), Place>,
    key: RandomState,
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    number: usize,
    /// A digest of the part as it is written.
    spelling: u64,
    /// A file or link, in which nothing lies.
    leaf: bool,
}

impl Twins {
    /// No places yet, and no more than `most` parts of them.
    pub(in crate::harvest) fn new(most: usize) -> Self {
        Self { children: HashMap::new(), key: RandomState::new(), most }
    }

    /// Adds a place; gives whether another one is the same elsewhere, or already here.
    pub(in crate::harvest) fn add(&mut self, place: &str, leaf: bool) -> Result<bool, Fault> {
        let (mut within, mut twin) = (0, false);
        let mut parts = place.split('/').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let (spelling, next) = (self.key.hash_one(part), self.children.len() + 1);
            let fresh = Place { number: next, spelling, leaf: last && leaf };
            let digest = self.key.hash_one(folded(part));
            let found = *self.children.entry((within, digest)).or_insert(fresh);
            if found.number == next && next > self.most {
                let (what, unit) = ("the list of its members' names", "parts");
                return Err(Fault::Beyond { what, limit: self.most, unit });
            }
            let again = found.number != next && (found.leaf || (last && leaf));
            twin |= again || found.spelling != spelling;
            within = found.number;
        }
        Ok(twin)
    }
}

/// A path of such parts.
pub(super) fn folded_path(path: &str) -> String {
    path.split('/').map(folded).collect::<Vec<_>>().join("/")
}

/// A part of a name as the file systems and programs compare it that make the fewest differences.
pub(super) fn folded(part: &str) -> String {
    let part = without_version(without_stream(part));
    let whole = part.trim_end_matches(['.', ' ']).to_ascii_lowercase();
    if let Some(device) = device(&whole) {
        return format!("\0{device}");
    }
    // What no name has on Windows, Python writes as a line below.
    let whole = whole.replace(['<', '>', ':', '"', '|', '?', '*'], "_");
    if whole.is_ascii() {
        return whole;
    }
    let cased = whole.nfkd().filter(|it| !is_ignored(*it)).flat_map(char::to_uppercase);
    let folded: String = cased.flat_map(char::to_lowercase).nfkd().collect();
    // Only now may something stand at the end that Windows drops.
    folded.trim_end_matches(['.', ' ']).to_owned()
}

/// NTFS: the content of a file, and the list of a directory, are streams of it that can be named.
fn without_stream(part: &str) -> &str {
    let named = part.split_once(':').filter(|(_, stream)| stream.contains(":$"));
    named.map_or(part, |(name, _)| name)
}

/// VMS: a number behind the last semicolon is that of a version, and Info-ZIP drops it everywhere.
fn without_version(part: &str) -> &str {
    match part.rsplit_once(';') {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => part,
    }
}

/// The device that Windows takes a file of this name for, whatever follows a dot in it.
fn device(name: &str) -> Option<&str> {
    let stem = name.split(['.', ':']).next().unwrap_or_default().trim_end_matches(' ');
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let number = |rest: &str| {
        matches!(rest, "\u{b9}" | "\u{b2}" | "\u{b3}")
            || (rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let named = ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"].contains(&stem);
    (named || numbered.is_some_and(number)).then_some(stem)
}

/// Characters that have no width and are passed over by some file systems and most eyes: those with the
/// property `Default_Ignorable_Code_Point`.
pub(super) const fn is_ignored(it: char) -> bool {
    matches!(
        it,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn are_twins(first: &str, second: &str) -> bool {
        let mut twins = Twins::new(100);
        assert!(!twins.add(first, true).unwrap(), "{first}");
        twins.add(second, true).unwrap()
    }

    #[rstest]
    #[case::letters("pkg/a.py", "pkg/A.py")]
    #[case::a_directory_on_the_way("pkg/sub/a.py", "PKG/sub/b.py")]
    #[case::sharp_s("stra\u{df}e", "STRASSE")]
    #[case::kelvin("\u{212a}.py", "k.py")]
    #[case::long_s("\u{17f}.py", "S.py")]
    #[case::final_sigma("\u{3c2}", "\u{3c3}")]
    #[case::accents("caf\u{e9}", "cafe\u{301}")]
    #[case::accents_and_letters("CAF\u{c9}", "cafe\u{301}")]
    #[case::width("\u{ff41}.py", "a.py")]
    #[case::ligature("\u{fb01}le", "file")]
    #[case::no_width("a\u{200b}b", "ab")]
    #[case::selector("a\u{fe0f}", "a")]
    #[case::dots_at_the_end("a...", "a")]
    #[case::blanks_at_the_end("a. .", "A")]
    #[case::stream("a.py::$DATA", "a.py")]
    #[case::stream_of_a_directory("pkg::$INDEX_ALLOCATION/a", "pkg/a")]
    #[case::named_stream_of_a_directory("pkg:$I30:$index_allocation/a", "pkg/a")]
    #[case::version("a.py;1", "a.py")]
    #[case::empty_version("a.py;", "A.py")]
    #[case::no_name_on_windows("a_b.py", "a?b.py")]
    #[case::no_names_on_windows("a:b<>\"|?*", "a_b______")]
    #[case::filler("a.py", "a\u{3164}.py")]
    #[case::half_a_filler("a.py", "a\u{ffa0}.py")]
    #[case::filler_at_the_end("a", "a.\u{115f}")]
    #[case::turning("a.py", "a\u{61c}.py")]
    #[case::khmer("a.py", "a\u{17b4}.py")]
    #[case::music("a.py", "a\u{1d173}.py")]
    #[case::device("aux.c", "AUX.h")]
    #[case::device_without_suffix("NUL", "nul.txt")]
    #[case::numbered_device("com1.x", "Com1")]
    #[case::numbered_device_in_small("COM\u{b9}", "com\u{b9}.txt")]
    #[case::the_very_same("a", "a")]
    #[case::a_file_and_a_directory("a", "A/b")]
    #[case::a_directory_and_a_file("a/b", "a")]
    fn names_that_are_one_elsewhere_are_found(#[case] first: &str, #[case] second: &str) {
        assert!(are_twins(first, second));
        assert!(are_twins(second, first));
    }

    #[rstest]
    #[case("a.py", "b.py")]
    #[case("a/b", "a/c")]
    #[case("a/b", "b/a")]
    #[case("com.py", "com10.py")]
    #[case("auxiliary.c", "aux.c")]
    #[case("cafe", "caf\u{e9}")]
    #[case("a:b", "a:c")]
    #[case("a;b", "a")]
    #[case("a;1b", "a")]
    #[case("\u{3b1}", "a")]
    #[case("ab/c", "a/bc")]
    fn names_that_stay_two_are_left_alone(#[case] first: &str, #[case] second: &str) {
        assert!(!are_twins(first, second));
        assert!(!are_twins(second, first));
    }

    #[test]
    fn a_directory_may_come_as_often_as_it_likes() {
        let mut twins = Twins::new(4);
        for place in ["a", "a/b", "a", "a/b/c"] {
            assert!(!twins.add(place, place.ends_with('c')).unwrap(), "{place}");
        }
        assert!(twins.add("a/b/d/e", true).is_err(), "one part too many");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_name_panics_and_every_name_is_its_own_twin(name in any::<String>()) {
            prop_assert!(are_twins(&name, &name));
        }
    }
}
