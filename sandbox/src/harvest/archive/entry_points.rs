//! `entry_points.txt`, as far as an installer makes programs of it.
//!
//! Each entry of two groups becomes a program of the entry's name. Readers differ in what they take
//! for a group, an entry, a comment or the continuation of one: `importlib.metadata` looks at each line
//! alone and knows no comment but `#`; `configparser`, with which older ones read, joins lines by their
//! indentation and puts what `[DEFAULT]` has into every group; that of uv takes `:` for `=`, lets a
//! group end at any bracket and cuts comments out of the middle of a line; that of pip finds the name
//! wherever it can. So nothing is guessed here: what stands in the two groups, and every line that
//! could begin one, must be as the specification has it, and is refused where it is not. In other
//! groups a line may be anything; of these those are told that tools load unasked.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;

const BLANKS: [char; 2] = [' ', '\t'];

const GROUPS: [&str; 2] = ["console_scripts", "gui_scripts"];

const READING: Fault = Fault::Layout("it is not text that every reader takes apart alike");
const GROUP: Fault = Fault::Layout(
    "it has a line that not every reader takes for the same group; a group is a line `[name]`, not \
     deeper than the one before, and those of programs come once",
);
const ENTRY: Fault = Fault::Layout(
    "it has a line that not every reader takes for the same program; one is \
     `name = module:object [extras]`, has one value, and stands in its group without comments",
);
const OUTSIDE: Fault =
    Fault::Layout("it has an entry point whose name is no plain name of a program");

/// Groups of which a tool loads every entry that it finds in its environment, without being asked to, and
/// the projects that bring such entries as parts of the tool itself. The tools are those that nearly every
/// environment in which something is built has: setuptools, whose groups begin with its name or that of
/// distutils, and keyring, which pip asks for passwords. What only one of many other tools loads
/// (`pytest11`, `flake8.extension`, `sphinx.builders`) is as much that tool's own matter as what it imports.
const LOADED: [(&str, &[&str]); 4] = [
    ("distutils.", &["setuptools", "wheel"]),
    ("setuptools.", &["setuptools"]),
    ("egg_info.writers", &["setuptools"]),
    ("keyring.backends", &["keyring"]),
];

/// What is made of the entries.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The names of the programs that an installer makes.
    pub(super) programs: BTreeSet<String>,
    /// The other groups.
    groups: BTreeSet<String>,
}

impl Listed {
    /// The groups of which a tool loads every entry, unless a release of one of `projects` is that tool.
    pub(super) fn loaded<'a>(&'a self, projects: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.groups.iter().map(String::as_str).filter(move |group| {
            LOADED.iter().any(|(name, owners)| {
                let whole =
                    if name.ends_with('.') { group.starts_with(name) } else { group == name };
                whole && !owners.iter().any(|owner| projects.contains(owner))
            })
        })
    }
}

/// Reads the file.
///
/// # Errors
/// Readers could take a line of it for different programs.
pub(super) fn read(content: &[u8]) -> Result<Listed, Fault> {
    let Ok(text) = std::str::from_utf8(content) else { return Err(READING) };
    let mut reading = Reading::default();
    for line in text.split('\n') {
        reading.take(line.strip_suffix('\r').unwrap_or(line))?;
    }
    let names = reading.groups.into_iter().flat_map(|(_, names)| names.into_keys());
    let programs = names.map(str::to_owned).collect();
    Ok(Listed { programs, groups: reading.others.into_iter().map(str::to_owned).collect() })
}

/// What stood on the lines so far.
#[derive(Debug, Default)]
struct Reading<'a> {
    /// The groups of which programs are made, and their entries with their values.
    groups: Vec<(&'a str, BTreeMap<&'a str, &'a str>)>,
    /// The other groups.
    others: BTreeSet<&'a str>,
    /// The last line that was no continuation.
    last: Last,
    /// Whether that is in a group of which programs are made.
    makes_programs: bool,
}

/// A line that is no continuation of one before, as far as it matters to the next.
#[derive(Clone, Copy, Debug, Default)]
enum Last {
    /// There is none.
    #[default]
    None,
    Group,
    /// An entry, with its indentation: what is deeper than it goes on with it, to some.
    Entry(usize),
}

impl<'a> Reading<'a> {
    fn take(&mut self, raw: &'a str) -> Result<(), Fault> {
        let line = raw.trim_matches(BLANKS);
        // Some readers end a line at such a character, or take it for a blank.
        if line.contains(ends_line) || line.trim() != line {
            return Err(READING);
        }
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let indentation = raw.len() - raw.trim_start_matches(BLANKS).len();
        let continues = matches!(self.last, Last::Entry(of) if indentation > of);
        if line.starts_with('[') {
            if continues {
                return Err(GROUP);
            }
            self.last = Last::Group;
            return self.group(group(line).ok_or(GROUP)?);
        }
        match self.last {
            Last::None => return Err(ENTRY),
            _ if continues && self.makes_programs => return Err(ENTRY),
            _ if continues => return Ok(()),
            _ => self.last = Last::Entry(indentation),
        }
        if self.makes_programs { self.program(line) } else { Ok(()) }
    }

    fn group(&mut self, name: &'a str) -> Result<(), Fault> {
        let same = |it: &str| it.eq_ignore_ascii_case(name);
        self.makes_programs = GROUPS.contains(&name);
        if !self.makes_programs {
            // What `DEFAULT` has is in every group, to some.
            let nearly = GROUPS.iter().any(|it| same(it)) || same("default");
            self.others.insert(name);
            return if nearly { Err(GROUP) } else { Ok(()) };
        }
        if self.groups.iter().any(|(group, _)| *group == name) {
            return Err(GROUP);
        }
        self.groups.push((name, BTreeMap::new()));
        Ok(())
    }

    fn program(&mut self, line: &'a str) -> Result<(), Fault> {
        let (name, object) = line.split_once('=').ok_or(ENTRY)?;
        let name = name.trim_end_matches(BLANKS);
        if !is_plain(name) {
            return Err(OUTSIDE);
        }
        let object = object.trim_start_matches(BLANKS);
        let values = self.groups.last_mut().map(|(_, values)| values);
        // Said twice, it says the same to all.
        let one = values.is_some_and(|values| *values.entry(name).or_insert(object) == object);
        if one && is_name(name) && is_object(object) { Ok(()) } else { Err(ENTRY) }
    }
}

fn ends_line(it: char) -> bool {
    (it.is_control() && it != '\t') || matches!(it, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// The name of a group on a line of its own.
fn group(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    let good = !name.is_empty() && name.trim() == name && !name.contains(['[', ']', '#', ';']);
    good.then_some(name)
}

/// Whether it is the name of a file in the directory of programs and of nothing else.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\']) && name.len() <= 255
}

/// Whether it is one word to every reader.
fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-@~!".contains(&byte);
    name.bytes().all(word) && !name.starts_with(['-', '+', '@', '~', '!'])
}

/// Whether it is `module:object [extras]`, without the second and third part where they are not given,
/// and with blanks around each, as the pattern of `importlib.metadata.EntryPoint` has it.
fn is_object(text: &str) -> bool {
    let (object, extras) = match text.split_once('[') {
        Some((object, rest)) => (object.trim_end_matches(BLANKS), Some(rest)),
        None => (text, None),
    };
    let (module, attribute) = match object.split_once(':') {
        Some((module, attribute)) => {
            (module.trim_end_matches(BLANKS), Some(attribute.trim_start_matches(BLANKS)))
        }
        None => (object, None),
    };
    is_dotted(module) && attribute.is_none_or(is_dotted) && extras.is_none_or(are_extras)
}

fn is_dotted(text: &str) -> bool {
    let word = |it: char| it.is_alphanumeric() || it == '_';
    text.split('.').all(|part| !part.is_empty() && part.chars().all(word))
}

/// The list behind a bracket, which may be empty.
fn are_extras(text: &str) -> bool {
    let Some(list) = text.strip_suffix(']') else { return false };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_extra = |extra: &str| !extra.is_empty() && extra.bytes().all(word);
    let list = list.trim_matches(BLANKS);
    list.is_empty() || list.split(',').all(|extra| is_extra(extra.trim_matches(BLANKS)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn programs(content: &[u8]) -> Result<BTreeSet<String>, Fault> {
        read(content).map(|listed| listed.programs)
    }

    #[test]
    fn what_tools_load_unasked_is_told_unless_it_is_their_own() {
        let loaded = |group: &str, project: &str| {
            let text = format!("[console_scripts]\na = b\n[{group}]\nc = d:e\n");
            let listed = read(text.as_bytes()).unwrap();
            listed.loaded(&[project]).map(str::to_owned).collect::<Vec<_>>()
        };
        for group in [
            "distutils.commands",
            "distutils.setup_keywords",
            "egg_info.writers",
            "keyring.backends",
            "setuptools.file_finders",
            "setuptools.finalize_distribution_options",
        ] {
            assert_eq!(loaded(group, "pkg"), [group]);
            let (_, owners) = LOADED.iter().find(|(name, _)| group.starts_with(name)).unwrap();
            for owner in *owners {
                assert!(loaded(group, owner).is_empty(), "{group} {owner}");
            }
        }
        for group in [
            "flake8.extension",
            "hatch",
            "jupyter_client.kernel_provisioners",
            "pytest11",
            "setuptools_scm.parse_scm",
            "sphinx.builders",
            "virtualenv.create",
        ] {
            assert!(loaded(group, "pkg").is_empty(), "{group}");
        }
    }

    fn names(text: &str) -> Vec<String> {
        programs(text.as_bytes()).unwrap().into_iter().collect()
    }

    #[rstest]
    #[case::plain("[console_scripts]\npkg = pkg:main\n\n[gui_scripts]\nwin = pkg:gui\n", &["pkg", "win"])]
    #[case::without_blanks("[console_scripts]\npkg=pkg:main", &["pkg"])]
    #[case::other_groups("[babel.extractors]\npython = babel:extract\n[x]\nsh = y:z\n", &[])]
    #[case::back_and_forth("[x]\na=b\n[console_scripts]\nc=d\n[y]\ne=f\n", &["c"])]
    #[case::indented_throughout("\n    [console_scripts]\n    pkg = a:b\n    [x]\n    python = c:d\n", &["pkg"])]
    #[case::indented_entries("[console_scripts]\n    pkg = a:b\n\tc = d.e:f.g\n[x]\n  a = b\n", &["c", "pkg"])]
    #[case::comments("# a\n[console_scripts]\n  # python = x:y\npkg = a:b\n", &["pkg"])]
    #[case::extras("[console_scripts]\npkg = a:b [extra]\nc = d:e[f, g-h]\n", &["c", "pkg"])]
    #[case::blanks("[console_scripts]\na = b : c\nd = e :f\ng = h:  i [j]\nk\t=\tl \t: m.n\n", &["a", "d", "g", "k"])]
    #[case::empty_extras("[console_scripts]\na = b:c []\nd = e:f [ ]\ng = h[]\n", &["a", "d", "g"])]
    #[case::said_again("[console_scripts]\na = b:c\nd = e:f\na=b:c\n", &["a", "d"])]
    #[case::line_ends("[console_scripts]\r\npkg = a:b\r\n", &["pkg"])]
    #[case::names("[console_scripts]\npip3.11 = a:b\npy.test = a\nx-y_z = a:b\n", &["pip3.11", "py.test", "x-y_z"])]
    #[case::in_both("[console_scripts]\na = b:c\n[gui_scripts]\na = b:d\n", &["a"])]
    #[case::loose_elsewhere("[x.y z:1-2]\n; a\nb\n c [d = e\nf : g # h\n  \u{200b}[\ni = %j\n[console_scripts]\na=b\n", &["a"])]
    #[case::nothing("", &[])]
    fn entries_of_the_two_groups_are_programs(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(names(text), expected);
    }

    #[rstest]
    #[case::comment_to_some("[console_scripts]\n;python3 = pkg:main\n")]
    #[case::comment_at_the_end("[console_scripts]\na = b:c ; d\n")]
    #[case::comment_before_the_end("[console_scripts]\na = b:c # d\n")]
    #[case::comment_in_the_name("[console_scripts]\nx#python3 = b:c\n")]
    #[case::colon("[console_scripts]\npython3 : pkg:main\n")]
    #[case::colon_before_the_sign("[console_scripts]\npython3:x = pkg:main\n")]
    #[case::blank_in_the_name("[console_scripts]\na python3 = pkg:main\n")]
    #[case::letters_of_others("[console_scripts]\nma\u{212a}e = pkg:main\n")]
    #[case::brackets("[[console_scripts]]\npython3 = pkg:main\n")]
    #[case::blanks("[ console_scripts ]\npython3 = pkg:main\n")]
    #[case::capitals("[Console_Scripts]\npython3 = pkg:main\n")]
    #[case::comment_behind_the_group("[console_scripts] # x\npython3 = pkg:main\n")]
    #[case::no_group_to_some("[console_scripts]\n[x = d:e [f] z\npython3 = pkg:main\n")]
    #[case::a_group_to_some("[console_scripts]\n[x] y = d:e [f] z\npython3 = pkg:main\n")]
    #[case::nothing_behind_the_bracket("[x]\n[\n[console_scripts]\na = b\n")]
    #[case::hidden_as_a_continuation("[console_scripts]\na = b:c\n  python3 = pkg:main\n")]
    #[case::group_as_a_continuation("[x]\na = b\n  [console_scripts]\n  python3 = pkg:main\n")]
    #[case::group_behind_a_continuation("[x]\na = b\n  c\n [console_scripts]\npython3 = d:e\n")]
    #[case::group_that_only_one_leaves("[console_scripts]\na = b:c\n  [x]\npython3 = pkg:main\n")]
    #[case::a_lone_return("[console_scripts]\ra = b:c\rpython3 = pkg:main")]
    #[case::in_every_group("[DEFAULT]\npython3 = pkg:main\n[console_scripts]\na = b:c\n")]
    #[case::in_no_group("python3 = pkg:main\n[console_scripts]\na = b:c\n")]
    #[case::group_twice("[console_scripts]\na = b:c\n[x]\n[console_scripts]\nd = e:f\n")]
    #[case::name_twice("[console_scripts]\na = b:c\na = d:e\n")]
    #[case::mark_of_order("\u{feff}[console_scripts]\npkg = a:b\n")]
    #[case::blank_of_others("[console_scripts]\n\u{a0}a = b:c\n")]
    #[case::no_object("[console_scripts]\na =\n")]
    #[case::no_sign("[console_scripts]\na\n")]
    #[case::object_of_others("[console_scripts]\na = b-c:d\n")]
    #[case::two_attributes("[console_scripts]\na = b:c:d\n")]
    #[case::call("[console_scripts]\na = b:c()\n")]
    #[case::two_signs("[console_scripts]\na = python3 = b:c\n")]
    #[case::extras_without_end("[console_scripts]\na = b:c [d\n")]
    #[case::no_extra("[console_scripts]\na = b:c [,]\n")]
    #[case::blank_within("[console_scripts]\na = b . c:d\n")]
    #[case::no_attribute("[console_scripts]\na = b :\n")]
    fn what_readers_take_for_different_programs_is_refused(#[case] text: &str) {
        for text in [text.to_owned(), text.replace('\n', "\r\n"), text.replace("console", "gui")] {
            let refused = programs(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains("every reader"), "{text:?}: {refused}");
        }
    }

    #[rstest]
    fn a_name_that_leads_elsewhere_is_refused(
        #[values("../x", "/bin/x", "a/b", ";x/../python3", "..\\x", "..", ".", "")] name: &str,
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
    #[case("[x]\na = b\r[console_scripts]\rpython3 = c".as_bytes())]
    fn what_readers_could_take_apart_differently_is_refused(#[case] content: &[u8]) {
        assert!(programs(content).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn nothing_panics_and_every_name_is_one_word(
            text in prop_oneof![any::<String>(), "(\\[|\\]|\\[console_scripts\\]\n|a|/|\\.\\.|=|:|;| |\n|\r|#){0,20}"],
        ) {
            if let Ok(names) = programs(text.as_bytes()) {
                for name in names {
                    prop_assert!(name != ".." && name.bytes().all(|byte| byte.is_ascii_graphic()));
                    prop_assert!(!name.contains(['/', '\\', '=', ':', ';', '#', '[', ']']));
                }
            }
        }
    }
}
