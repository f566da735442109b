//! User information in an address: text before an `@` that stands where a host would be.
//!
//! The `@` is looked for first, and what stands before it decides. A password may have any character in
//! it that also parts an address from the text around it, so that no splitting may come before.
#![forbid(unsafe_code)]

/// What ends the part of an address that names a host.
const BOUNDS: [char; 4] = ['/', '?', '#', '\\'];

/// What parts directories, and also an address from its scheme.
const SLASHES: [char; 2] = ['/', '\\'];

/// What no address goes on behind, with a scheme or without.
fn is_blank(it: char) -> bool {
    it.is_whitespace() || it.is_control()
}

/// What parts addresses without a scheme: white space and quotes.
pub(super) fn is_apart(it: char) -> bool {
    is_blank(it) || "\"'`".contains(it)
}

/// What parts an address from the text around it, and may be in a password or at its end as well.
pub(super) fn is_delimiter(it: char) -> bool {
    "<>,;|(){}[]=&".contains(it)
}

/// Whether an address in `value` has user information.
pub(super) fn have_user(value: &str) -> bool {
    value.split(is_blank).any(has_user_behind_scheme)
        || value.split(is_apart).any(|piece| {
            piece.split(is_delimiter).any(has_user) || has_user_with_delimiter_at_its_end(piece)
        })
}

/// Whether an `@` stands behind a `://` and what is between has a colon, as before a password, or no
/// slash. With a colon it may be a port and the `@` stand in a path: that is not told from a password
/// with a slash in it, which most tools would take as one.
fn has_user_behind_scheme(word: &str) -> bool {
    let schemes = word.match_indices(':').filter_map(|(at, _)| word.get(at + 1..));
    schemes.filter(|rest| rest.starts_with("//") || rest.starts_with("\\\\")).any(|rest| {
        let rest = rest.trim_start_matches(SLASHES);
        rest.match_indices('@')
            .filter_map(|(at, _)| rest.get(..at))
            .any(|user| !user.is_empty() && (user.contains(':') || !user.contains(SLASHES)))
    })
}

/// Whether the piece, in which nothing parts an address from other text, is one with a user.
/// `lib/openssl@3` is a name in a path, and `@loader_path` has nothing before it.
fn has_user(piece: &str) -> bool {
    piece.match_indices('@').any(|(at, _)| {
        let (before, behind) = piece.split_at(at);
        let user = before.rsplit(SLASHES).next().unwrap_or_default();
        !user.is_empty() && names_host(behind) && !is_in_path(before, user)
    })
}

/// The same where what parts an address from other text stands right before the `@`, so that it is a
/// user's or a password's last character: not behind an option (`-Wl,-rpath,@loader_path`, `-DX=@x@`).
fn has_user_with_delimiter_at_its_end(piece: &str) -> bool {
    piece.match_indices('@').any(|(at, _)| {
        let (before, behind) = piece.split_at(at);
        let user = before.rsplit(SLASHES).next().unwrap_or_default();
        let own = without_options(user).trim_start_matches(['(', '[', '{', '<']);
        before.ends_with(is_delimiter)
            && names_host(behind)
            && !is_in_path(before, user)
            && (user.contains(':') || !own.is_empty())
    })
}

/// Whether something stands behind the `@` that `behind` begins with.
fn names_host(behind: &str) -> bool {
    let behind = behind.strip_prefix('@').unwrap_or(behind);
    let host = behind.split(BOUNDS).next().unwrap_or_default();
    !host.trim_start_matches(is_delimiter).is_empty()
}

/// Whether `user`, the end of `before`, is no more than a name in a path.
fn is_in_path(before: &str, user: &str) -> bool {
    let ahead = before.strip_suffix(user).unwrap_or_default();
    let authority = ["//", "\\\\"].iter().filter_map(|slashes| ahead.strip_suffix(slashes));
    let begins = |rest: &str| rest.is_empty() || rest.ends_with(|it| it == ':' || is_delimiter(it));
    ahead.ends_with(SLASHES) && !user.contains(':') && !authority.into_iter().any(begins)
}

/// The text behind the options at its beginning: `-Wl,-rpath,x` and `--url=x` are `x`.
fn without_options(text: &str) -> &str {
    let mut text = text;
    while let Some((_, rest)) = text.strip_prefix('-').and_then(|it| it.split_once(['=', ','])) {
        text = rest;
    }
    text
}
