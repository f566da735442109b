//! What of a variable looks like a secret: words of its name, forms of its value.
#![forbid(unsafe_code)]

mod addresses;

/// Words that mark a secret wherever in a word of the name they stand, also glued to others.
const ANYWHERE: &[&str] = &[
    "TOKEN",
    "SECRET",
    "PASSWD",
    "PASSWORD",
    "PASSPHRASE",
    "CREDENTIAL",
    "COOKIE",
    "APIKEY",
    "ACCESSKEY",
    "PRIVATEKEY",
    "SSHKEY",
    "BEARER",
    "NETRC",
];

/// Short words that mark a secret where a word of the name is one, begins or ends with one.
const AT_AN_END: &[&str] = &["AUTH", "PASS", "PWD", "KEY", "PAT", "CRED"];

/// Words that mark a secret alone.
const ALONE: &[&str] = &["PW", "JWT", "SAS", "DSN", "OTP", "TOTP", "PEM"];

/// Words of other meaning that begin or end as one of [`AT_AN_END`], in the singular.
const INNOCENT: &[&str] = &[
    "PATH",
    "PATCH",
    "PATCHELF",
    "PATTERN",
    "COMPAT",
    "EXPAT",
    "AUTHOR",
    "BYPASS",
    "COMPASS",
    "PASSIVE",
    "PASSTHROUGH",
    "KEYBOARD",
    "KEYWORD",
    "MONKEY",
];

/// How tokens of well-known services begin, each with the least number of characters behind that.
const TOKENS: &[(&str, usize)] = &[
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("gldt-", 16),
    ("glrt-", 16),
    ("glcbt-", 16),
    ("pypi-", 16),
    ("npm_", 30),
    ("hf_", 30),
    ("dckr_pat_", 16),
    ("dop_v1_", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xapp-", 10),
    ("sk-", 20),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("ya29.", 16),
    ("hvs.", 16),
    ("eyJ", 30),
];

/// Parts of a name in a value, `…TOKEN=value`, that mark the value as a secret.
const ASSIGNED: &[&str] =
    &["TOKEN", "SECRET", "PASSWD", "PASSWORD", "PASSPHRASE", "CREDENTIAL", "API_KEY", "APIKEY"];

/// Whether a word of `name` marks a secret: set apart by `_` or a change of case, or glued.
pub(super) fn marks_secret(name: &str) -> bool {
    let joined: String = name.chars().filter(|it| *it != '_').collect();
    let joined = joined.to_ascii_uppercase();
    // Words that somebody has cut in two: `API_KEY`, `PASS_WORD`.
    ["PRIVATEKEY", "APIKEY", "ACCESSKEY", "PASSWORD"].iter().any(|word| joined.contains(word))
        || split(name).iter().any(|word| is_secret(word))
}

/// Whether a word marks a secret. Digits part it further, and neither a plural nor the number of a
/// version (`KEYS`, `PASSES`, `KEYV2`) makes another word of it.
fn is_secret(word: &str) -> bool {
    let whole = word.to_ascii_uppercase();
    ANYWHERE.iter().any(|mark| whole.contains(mark))
        || whole.split(|it: char| it.is_ascii_digit()).any(|part| {
            let forms = forms(part);
            let is = |known: &[&str]| forms.iter().any(|form| known.contains(form));
            let ends = |mark: &&str| {
                part.starts_with(*mark) || forms.iter().any(|form| form.ends_with(*mark))
            };
            is(ALONE) || !is(INNOCENT) && AT_AN_END.iter().any(ends)
        })
}

/// A word as it stands, in the singular, and without the `V` of a version.
fn forms(word: &str) -> Vec<&str> {
    let bare = word.strip_suffix('V').unwrap_or(word);
    let singular = |word| ["S", "ES"].map(|ending| str::strip_suffix(word, ending));
    [word, bare]
        .into_iter()
        .flat_map(|it| std::iter::once(Some(it)).chain(singular(it)))
        .flatten()
        .collect()
}

/// The words of a name: what `_` parts, and what a capital letter behind a small one begins; and, for
/// a name in which case means nothing, what `_` parts as a whole.
fn split(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split(|it: char| !it.is_ascii_alphanumeric()) {
        words.push(part.to_owned());
        let mut word = String::new();
        let mut small = false;
        for letter in part.chars() {
            if small && letter.is_ascii_uppercase() {
                words.push(std::mem::take(&mut word));
            }
            small = letter.is_ascii_lowercase();
            word.push(letter);
        }
        words.push(word);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether `value` holds a secret in a form that can be told: user information in an address, with
/// or without a scheme; a key in PEM; a token that a well-known service makes; `…TOKEN=value`.
pub(super) fn holds_secret(value: &str) -> bool {
    value.contains("-----BEGIN ")
        || addresses::have_user(value)
        || value.split(between_pieces).any(begins_as_token)
        || value.split(between_words).any(assigns_secret)
}

/// What parts a token from the text around it.
fn between_pieces(it: char) -> bool {
    addresses::is_apart(it) || addresses::is_delimiter(it)
}

fn between_words(it: char) -> bool {
    it.is_whitespace() || it.is_control() || "\"'`?&;,".contains(it)
}

fn begins_as_token(piece: &str) -> bool {
    let word = piece.rsplit(['/', ':']).next().unwrap_or(piece);
    let letters = |rest: &str| {
        rest.bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
            .count()
    };
    [piece, word].iter().any(|word| {
        TOKENS
            .iter()
            .any(|(begin, least)| word.strip_prefix(begin).is_some_and(|it| letters(it) >= *least))
    })
}

/// `-DAPI_TOKEN=x`, `--password=x`, `token=x`; not `-DWITH_TOKEN=ON`.
fn assigns_secret(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=') else { return false };
    let name = name.to_ascii_uppercase().replace('-', "_");
    let switches = ["", "ON", "OFF", "YES", "NO", "TRUE", "FALSE", "NONE", "0", "1"];
    ASSIGNED.iter().any(|mark| name.ends_with(mark))
        && !switches.contains(&value.to_ascii_uppercase().as_str())
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
