//! What a variable tells a `make` of the jobserver around it (GNU make's manual, "POSIX Jobserver").
//!
//! It names descriptors, or a FIFO, that no build has. A `make` that does not find them works with one
//! job and says so; one that is not told of them has jobs of its own, as many as the outer one may.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The variables that name a jobserver.
const NAMES: [&str; 2] = ["MAKEFLAGS", "CARGO_MAKEFLAGS"];

/// What names it, up to the value.
const OPTIONS: [&[u8]; 2] = [b"--jobserver-auth=", b"--jobserver-fds="];

/// The value of the variable `name` without the jobserver; none where it names none. Where the outer
/// one has not said how many jobs there are, `jobs` does, else there is one.
#[must_use]
pub fn without(name: &OsStr, value: &OsStr, jobs: Option<&OsStr>) -> Option<OsString> {
    NAMES.iter().find(|known| name == **known)?;
    let words = value.as_bytes().split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let words: Vec<_> = words.collect();
    // Behind it stand variables, which may hold anything.
    let end = words.iter().position(|word| *word == b"--").unwrap_or(words.len());
    let (options, rest) = words.split_at(end);
    let names_one = |word: &[u8]| OPTIONS.iter().any(|option| word.starts_with(option));
    if !options.iter().any(|word| names_one(word)) {
        return None;
    }
    let jobs = jobs.map(OsStr::as_bytes).filter(|jobs| jobs.iter().all(u8::is_ascii_digit));
    let mut kept = Vec::new();
    for word in options.iter().filter(|word| !names_one(word)) {
        match (*word, jobs) {
            // As many as there are, which a make without a jobserver takes for as many as it likes.
            (b"-j", Some(jobs)) => kept.push([b"-j", jobs].concat()),
            (b"-j", None) => {}
            (word, _) => kept.push(word.to_vec()),
        }
    }
    kept.extend(rest.iter().map(|word| word.to_vec()));
    let mut joined = kept.join(&b' ');
    // A first word without a hyphen is read as short options.
    if kept.first().is_some_and(|first| value.as_bytes().starts_with(b" ") && first != b"--") {
        joined.insert(0, b' ');
    }
    Some(OsString::from_vec(joined))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::of_make(" -j4 --jobserver-auth=3,4", None, " -j4")]
    #[case::of_an_older_make("k -j8 --jobserver-fds=3,4", None, "k -j8")]
    #[case::by_a_fifo("s -j2 --jobserver-auth=fifo:/tmp/GMfifo7 -- V=1", None, "s -j2 -- V=1")]
    #[case::of_cargo("-j --jobserver-fds=8,9 --jobserver-auth=8,9", Some("6"), "-j6")]
    #[case::without_a_number("-j --jobserver-fds=8,9 --jobserver-auth=8,9", None, "")]
    #[case::with_nonsense_for_one("-j --jobserver-auth=8,9", Some("6 -f x"), "")]
    #[case::beside_variables(
        "--jobserver-auth=3,4 -- A=--jobserver-auth=x",
        None,
        "-- A=--jobserver-auth=x"
    )]
    fn a_build_is_not_told_of_a_jobserver(
        #[case] value: &str,
        #[case] jobs: Option<&str>,
        #[case] expected: &str,
    ) {
        let told = without("MAKEFLAGS".as_ref(), value.as_ref(), jobs.map(OsStr::new));
        assert_eq!(told.as_deref(), Some(OsStr::new(expected)));
    }

    #[rstest]
    #[case::of_none("MAKEFLAGS", "-j4")]
    #[case::in_a_variable("MAKEFLAGS", "k -- A=1 --jobserver-auth=3,4")]
    #[case::of_another_name("CFLAGS", "--jobserver-auth=3,4")]
    fn nothing_else_is_touched(#[case] name: &str, #[case] value: &str) {
        assert_eq!(without(name.as_ref(), value.as_ref(), None), None);
    }
}
