//! `entry_points.txt`, as far as an installer makes programs of it.
//!
//! Each entry of two groups becomes a program of the entry's name. Readers differ in what they take
//! for a group, an entry, or the continuation of one: `importlib.metadata` looks at each line alone,
//! `configparser` (with which older pips read) joins lines by their indentation, and that of uv takes
//! `:` for `=` and cuts comments. So a name counts if any of them would find it.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::Fault;

const GROUPS: [&str; 2] = ["console_scripts", "gui_scripts"];

const READING: Fault = Fault::Layout("it is not text that every reader takes apart alike");
const OUTSIDE: Fault =
    Fault::Layout("it has an entry point whose name is no plain name of a program");

/// The names of the programs that an installer makes, without those that come again.
pub(super) fn programs(content: &[u8]) -> Result<BTreeSet<String>, Fault> {
    let Ok(text) = std::str::from_utf8(content) else { return Err(READING) };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Some readers end a line at them.
    let parts = |it: char| {
        (it.is_control() && !matches!(it, '\t' | '\n' | '\r'))
            || matches!(it, '\u{2028}' | '\u{2029}' | '\u{feff}')
    };
    if text.contains(parts) {
        return Err(READING);
    }
    let mut names = BTreeSet::new();
    let (mut alone, mut joined) = (Reading::default(), Reading::default());
    for raw in text.split(['\n', '\r']) {
        let line = raw.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let indentation = raw.len() - raw.trim_start().len();
        let continues = joined.entry && indentation > joined.indentation;
        alone.take(line, indentation);
        if !continues {
            joined.take(line, indentation);
        }
        if (alone.entry && alone.in_group) || (joined.entry && joined.in_group && !continues) {
            names.extend(named(line));
        }
    }
    if names.iter().all(|name| is_plain(name)) { Ok(names) } else { Err(OUTSIDE) }
}

/// Where one reader is.
#[derive(Debug, Default)]
struct Reading {
    /// The group is one of whose entries programs are made.
    in_group: bool,
    /// The last line was an entry and not the name of a group.
    entry: bool,
    indentation: usize,
}

impl Reading {
    fn take(&mut self, line: &str, indentation: usize) {
        self.indentation = indentation;
        self.entry = !line.starts_with('[');
        if !self.entry {
            // What stands behind the last bracket is a comment to some.
            let header = line.rsplit_once(']').map_or(line, |(header, _)| header);
            let group =
                header.trim_matches(|it: char| it == '[' || it == ']' || it.is_whitespace());
            self.in_group = GROUPS.contains(&group.to_ascii_lowercase().as_str());
        }
    }
}

/// The names that readers take from a line: up to the first `=`, or to the first `:` as well.
fn named(line: &str) -> impl Iterator<Item = String> {
    let before = |marks: &[char]| {
        let name = line.split(marks).next().unwrap_or_default();
        line.contains(marks).then(|| name.trim().to_owned())
    };
    // A colon in what is named is the rule; only one before the equals sign cuts the name.
    [before(&['=']), before(&['=', ':'])].into_iter().flatten()
}

/// Whether it is the name of a file in the directory of programs and of nothing else.
fn is_plain(name: &str) -> bool {
    let parts = name.contains(['/', '\\']) || name.contains('\0');
    !name.is_empty() && !parts && !matches!(name, "." | "..") && name.len() <= 255
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn names(text: &str) -> Vec<String> {
        programs(text.as_bytes()).unwrap().into_iter().collect()
    }

    #[rstest]
    #[case::plain("[console_scripts]\npkg = pkg:main\n\n[gui_scripts]\nwin = pkg:gui\n", &["pkg", "win"])]
    #[case::without_blanks("[console_scripts]\npkg=pkg:main", &["pkg"])]
    #[case::other_groups("[babel.extractors]\npython = babel:extract\n[x]\nsh = y:z\n", &[])]
    #[case::back_and_forth("[x]\na=b\n[console_scripts]\nc=d\n[y]\ne=f\n", &["c"])]
    #[case::indented_throughout("\n    [console_scripts]\n    pkg = a:b\n    [x]\n    python = c:d\n", &["pkg"])]
    #[case::comments("# a\n; b\n[console_scripts]\n# python = x:y\npkg = a:b ; sh = c\n", &["pkg"])]
    #[case::extras("[console_scripts]\npkg = a:b [extra]\n", &["pkg"])]
    #[case::line_ends("[console_scripts]\r\npkg = a:b\r\n", &["pkg"])]
    #[case::mark_of_order("\u{feff}[console_scripts]\npkg = a:b\n", &["pkg"])]
    #[case::nothing("", &[])]
    fn entries_of_the_two_groups_are_programs(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(names(text), expected);
    }

    #[rstest]
    #[case::colon("[console_scripts]\npython3 : pkg:main\n")]
    #[case::colon_before_the_sign("[console_scripts]\npython3:x = pkg:main\n")]
    #[case::brackets("[[console_scripts]]\npython3 = pkg:main\n")]
    #[case::blanks("[ console_scripts ]\npython3 = pkg:main\n")]
    #[case::capitals("[Console_Scripts]\npython3 = pkg:main\n")]
    #[case::comment_behind_the_group("[console_scripts] # x\npython3 = pkg:main\n")]
    #[case::hidden_as_a_continuation("[console_scripts]\na = b:c\n  python3 = pkg:main\n")]
    #[case::group_as_a_continuation("[x]\na = b\n  [console_scripts]\n  python3 = pkg:main\n")]
    #[case::group_that_only_one_leaves("[console_scripts]\na = b:c\n  [x]\npython3 = pkg:main\n")]
    #[case::a_lone_return("[console_scripts]\ra = b:c\rpython3 = pkg:main")]
    fn what_any_reader_takes_for_a_program_is_found(#[case] text: &str) {
        assert!(names(text).contains(&"python3".to_owned()), "{:?}", names(text));
    }

    #[rstest]
    fn a_name_that_leads_elsewhere_is_refused(
        #[values("../x", "/bin/x", "a/b", "..\\x", "..", ".", "")] name: &str,
        #[values("console_scripts", "gui_scripts")] group: &str,
    ) {
        let text = format!("[{group}]\n{name} = pkg:main\n");
        assert!(programs(text.as_bytes()).is_err());
        // Of other groups no programs are made, and their names may be paths.
        assert!(programs(format!("[other]\n{name} = pkg:main\n").as_bytes()).is_ok());
    }

    #[rstest]
    #[case(b"[console_scripts]\na = \xff\n")]
    #[case(b"[console_scripts]\na = b\x0bpython3 = c\n")]
    #[case("[console_scripts]\na = b\u{85}python3 = c\n".as_bytes())]
    #[case("[x]\na = b\u{2028}[console_scripts]\n".as_bytes())]
    fn what_readers_could_take_apart_differently_is_refused(#[case] content: &[u8]) {
        assert!(programs(content).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn nothing_panics_and_every_name_is_one_file(
            text in prop_oneof![any::<String>(), "(\\[|\\]|console_scripts|a|/|\\.\\.|=|:| |\n|\r|#){0,20}"],
        ) {
            if let Ok(names) = programs(text.as_bytes()) {
                for name in names {
                    prop_assert!(!name.contains(['/', '\\', '\n']) && name != "..");
                }
            }
        }
    }
}
