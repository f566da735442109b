//! Requirements that a front end will hand to an installer with network: PEP 508 without URLs.
//!
//! The grammar is that of PEP 508 minus everything that names a place. What is accepted here is a
//! subset of what `packaging.requirements.Requirement` accepts, and also harmless as a line of a
//! requirements file: there, pip splits at blanks and takes words with a leading dash as options,
//! expands `${NAME}` and cuts comments, wherever they stand. Where pip and uv can take a
//! requirement for a file they do: `evil-1.0.tar.gz` is a good name of a distribution, and of an
//! archive in the source tree.
#![forbid(unsafe_code)]

use super::marker;
use super::version;

/// Longer than any requirement somebody wrote by hand.
const MOST_BYTES: usize = 2048;

/// What the names of archives end in, as pip, uv and older tools know them.
const ARCHIVES: [&str; 16] = [
    ".whl",
    ".zip",
    ".egg",
    ".tar",
    ".tgz",
    ".tbz",
    ".tbz2",
    ".txz",
    ".tlz",
    ".tzst",
    ".tar.gz",
    ".tar.bz2",
    ".tar.xz",
    ".tar.lz",
    ".tar.lzma",
    ".tar.zst",
];

const OPERATORS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/// Why a requirement is not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// It is longer than the limit.
    #[error("it is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// It holds a newline or another control character, or one that is not ASCII.
    #[error("it holds a newline, a control character or one that is not ASCII")]
    Character,
    /// It starts with a dash, as an option of the installer would.
    #[error("it starts with a dash and would be taken for an option")]
    Option,
    /// It names a URL, a repository or a path, which the installer would fetch.
    #[error("it names a URL, a repository or a path, which an installer outside would fetch")]
    Place,
    /// It ends as the name of an archive does, which the installer would look for as a file.
    #[error(
        "it ends as the name of an archive does, and an installer outside would build such a file \
         of the source tree"
    )]
    Archive,
    /// It has another shape.
    #[error("it is no requirement of a name, extras, versions and a marker; not understood: {0}")]
    Syntax(&'static str),
}

/// Checks one requirement.
///
/// # Errors
/// When it is anything else than a name with optional extras, version specifiers and a marker.
pub fn check(text: &str) -> Result<(), RequirementError> {
    if text.len() > MOST_BYTES {
        return Err(RequirementError::TooLong);
    }
    if !text.bytes().all(|byte| byte == b'\t' || matches!(byte, b' '..=b'~')) {
        return Err(RequirementError::Character);
    }
    let text = blank_trimmed(text);
    if text.starts_with('-') {
        return Err(RequirementError::Option);
    }
    let (head, marker) = match text.split_once(';') {
        Some((head, marker)) => (head, Some(marker)),
        None => (text, None),
    };
    // However broken the rest is: no reader should come to take it for `name @ URL` or a path.
    let is_place = text.starts_with(['.', '~']) || head.contains(['/', '\\', ':', '@']);
    if is_place || text.contains("://") {
        return Err(RequirementError::Place);
    }
    if names_archive(head) {
        return Err(RequirementError::Archive);
    }
    grammar(head, marker).map_err(|what| match what {
        RequirementError::Syntax(_) if text.contains('@') => RequirementError::Place,
        what => what,
    })
}

/// Checks one requirement of a release that may be old: in those, versions and markers take forms that
/// no standard knows, and it is the installer's to complain of them.
///
/// # Errors
/// Those of [`check`], unless it is a name that is followed by nothing but what versions and markers
/// consist of.
pub(super) fn check_required(text: &str) -> Result<(), RequirementError> {
    let odd = |byte: u8| byte.is_ascii_alphanumeric() || b" \t._,;<>=!~()*+'\"|&-".contains(&byte);
    match check(text) {
        Err(wrong @ RequirementError::Syntax(_)) => {
            let rest = extras(blank_trimmed(name(blank_trimmed(text))?))?;
            if rest.bytes().all(odd) { Ok(()) } else { Err(wrong) }
        }
        checked => checked,
    }
}

/// Whether an installer could take `head`, which stands before the marker, for the name of an
/// archive: all of it, but for extras at its end, or the name that it begins with.
fn names_archive(head: &str) -> bool {
    let lower = head.to_ascii_lowercase();
    let whole = blank_trimmed(&lower);
    let without_extras = match whole.rsplit_once('[') {
        Some((before, extras)) if extras.ends_with(']') => blank_trimmed(before),
        _ => whole,
    };
    let name = whole.split(|it: char| !it.is_ascii() || !is_name_byte(it as u8)).next();
    [Some(whole), Some(without_extras), name]
        .iter()
        .flatten()
        .any(|text| ARCHIVES.iter().any(|suffix| text.ends_with(suffix)))
}

fn grammar(head: &str, marker: Option<&str>) -> Result<(), RequirementError> {
    let rest = name(head)?;
    let rest = extras(blank_trimmed(rest))?;
    specifiers(blank_trimmed(rest))?;
    marker.map_or(Ok(()), |marker| marker::check(marker).map_err(RequirementError::Syntax))
}

/// Whether `text` is a name of a distribution or an extra: letters, digits and inner `._-`.
pub(super) fn is_name(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        && text.bytes().all(is_name_byte)
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn blank_trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Takes the name at the start and gives what comes behind it.
fn name(head: &str) -> Result<&str, RequirementError> {
    let end = head.bytes().position(|byte| !is_name_byte(byte)).unwrap_or(head.len());
    match head.split_at_checked(end) {
        Some((name, rest)) if is_name(name) => Ok(rest),
        _ => Err(RequirementError::Syntax("the name at its start")),
    }
}

/// Takes `[a, b]` at the start, if it is there, and gives what comes behind it.
fn extras(rest: &str) -> Result<&str, RequirementError> {
    let Some(inner) = rest.strip_prefix('[') else { return Ok(rest) };
    let wrong = RequirementError::Syntax("the extras in brackets");
    let (list, rest) = inner.split_once(']').ok_or(wrong)?;
    let empty = blank_trimmed(list).is_empty();
    if empty || list.split(',').all(|extra| is_name(blank_trimmed(extra))) {
        Ok(rest)
    } else {
        Err(wrong)
    }
}

/// Checks the version specifiers, with or without parentheses.
fn specifiers(rest: &str) -> Result<(), RequirementError> {
    let wrong = RequirementError::Syntax("the version specifiers");
    let list = match rest.strip_prefix('(') {
        Some(inner) => blank_trimmed(inner.strip_suffix(')').ok_or(wrong)?),
        None => rest,
    };
    let good = list.is_empty() || list.split(',').all(|one| is_specifier(blank_trimmed(one)));
    if good { Ok(()) } else { Err(wrong) }
}

fn is_specifier(text: &str) -> bool {
    let found = OPERATORS.iter().find_map(|it| Some((*it, text.strip_prefix(it)?)));
    let Some((operator, version)) = found else { return false };
    let version = blank_trimmed(version);
    match operator {
        // Any string may follow `===`; here it is one that cannot be taken for something else.
        "===" => {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || b"._+!-".contains(&byte);
            version.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
                && version.bytes().all(word)
        }
        "==" | "!=" => match version.strip_suffix(".*") {
            Some(series) => version::canonical(series).is_some_and(|it| is_series(&it)),
            None => version::canonical(version).is_some(),
        },
        _ => {
            let public = version::canonical(version).is_some_and(|it| !it.contains('+'));
            public && (operator != "~=" || has_two_numbers(version))
        }
    }
}

/// Whether a canonical version is a release alone, behind which `.*` may stand.
fn is_series(canonical: &str) -> bool {
    canonical.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'!'))
}

/// Whether the release has a last number that `~=` can leave open.
fn has_two_numbers(version: &str) -> bool {
    let release = version.rsplit('!').next().unwrap_or(version).trim_start_matches(['v', 'V']);
    let rest = release.trim_start_matches(|it: char| it.is_ascii_digit()).strip_prefix('.');
    rest.is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()))
}

#[cfg(test)]
#[path = "requirement_tests.rs"]
mod tests;
