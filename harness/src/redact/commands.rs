//! What the services that run builds obey in a log, broken by a blank so that it is text again.
#![forbid(unsafe_code)]

/// A `[` behind one of these is a command of GitHub's first runner, of Azure and of `TeamCity`,
/// wherever in the line it stands.
const BEFORE_BRACKET: [&str; 3] = ["##", "##vso", "##teamcity"];
/// A `:` behind one of these is a section mark of GitLab.
const BEFORE_COLON: [&str; 2] = ["section_start", "section_end"];

/// The text in which no line is a command.
///
/// GitHub's runner takes a line for one that begins with `::`, blanks aside.
pub(super) fn broken(text: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start();
        let start = line.len() - rest.len();
        match rest.strip_prefix("::") {
            Some(rest) => {
                broken.push_str(line.get(..start).unwrap_or_default());
                broken.push_str(": :");
                within(rest, &mut broken);
            }
            None => within(line, &mut broken),
        }
    }
    broken
}

/// Breaks what is a command anywhere in a line.
fn within(line: &str, broken: &mut String) {
    let start = broken.len();
    for c in line.chars() {
        let before = broken.get(start..).unwrap_or_default();
        let ends = |marks: &[&str]| marks.iter().any(|mark| ends_with(before, mark));
        if (c == '[' && ends(&BEFORE_BRACKET)) || (c == ':' && ends(&BEFORE_COLON)) {
            broken.push(' ');
        }
        broken.push(c);
    }
}

/// Whether a text ends with a mark, whatever the case of its letters.
fn ends_with(text: &str, mark: &str) -> bool {
    let at = text.len().checked_sub(mark.len());
    let end = at.and_then(|at| text.as_bytes().get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(mark.as_bytes()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::github("::add-mask::x", ": :add-mask::x")]
    #[case::github_behind_blanks(
        "a\n \t::set-output name=a::b\nc",
        "a\n \t: :set-output name=a::b\nc"
    )]
    #[case::github_within_a_line_is_text("pkg: ::warning::x", "pkg: ::warning::x")]
    #[case::first_runner("pkg: ##[add-mask]x", "pkg: ## [add-mask]x")]
    #[case::azure("a ##VSO[task.setvariable]x", "a ##VSO [task.setvariable]x")]
    #[case::teamcity("##teamcity[x]", "##teamcity [x]")]
    #[case::gitlab("section_start:1:x", "section_start :1:x")]
    #[case::several("##[a]##[b]\n::c\n::d", "## [a]## [b]\n: :c\n: :d")]
    #[case::plain("std::fs and #[test] ü", "std::fs and #[test] ü")]
    fn a_command_is_text_again(#[case] hostile: &str, #[case] harmless: &str) {
        assert_eq!(broken(hostile), harmless);
        assert_eq!(broken(harmless), harmless, "there is nothing left to break");
    }
}
