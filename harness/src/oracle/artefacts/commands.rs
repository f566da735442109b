//! Models of the programs that read the log of a build and find commands in it.
#![forbid(unsafe_code)]

use super::super::evidence::Evidence;
use crate::catalogue::attack::LogReader;

/// What the runner of GitHub Actions obeys, in the form `::name …::` and in `##[name …]`.
const GITHUB: [&str; 16] = [
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "internal-set-repo-path",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
];

/// The command that `reader` finds in the log.
#[must_use]
pub fn executed(evidence: &Evidence, reader: LogReader) -> Option<String> {
    let name = found(&evidence.log, reader)?;
    Some(match reader {
        LogReader::Unicode => format!("{} ends at {name} in the log", reader_name(reader)),
        _ => format!("{} obeys {name} in the log", reader_name(reader)),
    })
}

const fn reader_name(reader: LogReader) -> &'static str {
    match reader {
        LogReader::Github | LogReader::GithubV1 => "the runner of GitHub Actions",
        LogReader::Azure => "the agent of Azure Pipelines",
        LogReader::Teamcity => "TeamCity",
        LogReader::Gitlab => "GitLab",
        LogReader::Terminal => "a terminal",
        LogReader::Unicode => "a strict reader of UTF-8",
    }
}

/// The first command in a log. Readers cut it into lines at line feeds, and some at carriage
/// returns too.
fn found(log: &[u8], reader: LogReader) -> Option<String> {
    if reader == LogReader::Terminal {
        return escape(log).map(str::to_owned);
    }
    if reader == LogReader::Unicode {
        let error = std::str::from_utf8(log).err()?;
        return Some(format!("byte {}", error.valid_up_to()));
    }
    let text = String::from_utf8_lossy(log);
    let mut stopped: Option<String> = None;
    for line in text.split(['\n', '\r']) {
        if let Some(token) = &stopped {
            if line.trim() == format!("::{token}::") {
                stopped = None;
            }
            continue;
        }
        let command = match reader {
            LogReader::Github => double_colon(line),
            LogReader::GithubV1 => bracketed(line, "##[").filter(|name| GITHUB.contains(name)),
            LogReader::Azure => bracketed(line, "##vso[").filter(|name| name.contains('.')),
            LogReader::Teamcity => bracketed(line, "##teamcity["),
            LogReader::Gitlab => section(line),
            LogReader::Terminal | LogReader::Unicode => None,
        };
        match command {
            // A front end that stops commands around a build has the right to do so.
            Some("stop-commands") => {
                stopped = line.rsplit_once("::").map(|(_, token)| token.to_owned());
            }
            Some(name) => return Some(name.to_owned()),
            None => {}
        }
    }
    // Nobody lets commands work again: that was not the front end.
    stopped.map(|_| "stop-commands".to_owned())
}

/// `::name key=value::message` at the beginning of a line, blanks aside.
fn double_colon(line: &str) -> Option<&str> {
    let (head, _) = line.trim().strip_prefix("::")?.split_once("::")?;
    let name = head.split(' ').next()?;
    GITHUB.contains(&name).then_some(name)
}

/// `<prefix>name …]` anywhere in a line.
fn bracketed<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(prefix)?;
    let (head, _) = rest.split_once(']')?;
    head.split(' ').next().filter(|name| !name.is_empty())
}

/// `section_start:TIME:NAME` or `section_end:TIME:NAME` anywhere in a line.
fn section(line: &str) -> Option<&'static str> {
    ["section_start", "section_end"].into_iter().find(|mark| {
        let rest = line.split_once(&format!("{mark}:")).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once(':')).is_some_and(|(time, name)| {
            !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty()
        })
    })
}

/// An escape sequence, in seven bits or in eight.
fn escape(log: &[u8]) -> Option<&'static str> {
    let has = |bytes: &[u8]| log.windows(bytes.len()).any(|window| window == bytes);
    match () {
        () if has(b"\x1b]") => Some("an operating system command"),
        () if has(b"\x1b[") || has(b"\xc2\x9b") => Some("a control sequence"),
        () if has(b"\x1b") => Some("an escape sequence"),
        () => None,
    }
}

/// Whether a seeded command is noticed, and a harmless line is not; the reason otherwise.
#[must_use]
pub fn self_test(reader: LogReader) -> Option<String> {
    let seed: &[u8] = match reader {
        LogReader::Github => b"one\n ::set-env name=X::y\n",
        LogReader::GithubV1 => b"pkg: ##[add-matcher]x.json\n",
        LogReader::Azure => b"pkg: ##vso[task.setvariable variable=X]y\n",
        LogReader::Teamcity => b"##teamcity[setParameter name='X' value='y']\n",
        LogReader::Gitlab => b"section_start:1:evil\r\x1b[0K\n",
        LogReader::Terminal => b"\x1b[2J",
        LogReader::Unicode => b"\xed\xa0\x80",
    };
    let notices = found(seed, reader).is_some() && found(b"a :: b\n# [c]\n", reader).is_none();
    (!notices).then(|| "a seeded command is not noticed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_finds_its_own_command() {
        for reader in [
            LogReader::Github,
            LogReader::GithubV1,
            LogReader::Azure,
            LogReader::Teamcity,
            LogReader::Gitlab,
            LogReader::Terminal,
        ] {
            assert_eq!(self_test(reader), None, "{reader:?}");
        }
    }

    #[test]
    fn a_prefix_stops_the_one_form_and_not_the_other() {
        let log = b"pkg-1.0: ::set-env name=X::y\npkg-1.0: ##[set-env name=X]y\n";
        assert_eq!(found(log, LogReader::Github), None);
        assert_eq!(found(log, LogReader::GithubV1).as_deref(), Some("set-env"));
    }

    #[test]
    fn stopped_commands_are_not_obeyed_unless_a_build_stopped_them_for_good() {
        let log = b"::stop-commands::word\n::add-mask::x\n::word::\n";
        assert_eq!(found(log, LogReader::Github), None);
        let log = b"::stop-commands::word\n::word::\n::add-mask::x\n";
        assert_eq!(found(log, LogReader::Github).as_deref(), Some("add-mask"));
        let log = b"::stop-commands::word\n";
        assert_eq!(found(log, LogReader::Github).as_deref(), Some("stop-commands"));
    }
}
