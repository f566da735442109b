//! What a sandbox does not yet do, and is known not to: `gaps.toml` beside its target.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sandbox::Level;
use toml::de::DeTable;

use crate::catalogue::diagnostic::{Code, Diagnostic, Findings};
use crate::catalogue::manifest::{Table, date};

/// A known escape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The attack that gets through.
    pub attack: String,
    /// The level at which it does.
    pub level: Level,
    /// The hosts on which it does; none stands for all.
    pub hosts: Vec<String>,
    /// Why.
    pub reason: String,
    /// The issue, or address, at which it is dealt with.
    pub record: String,
    /// The last day on which it is tolerated, as `2027-01-31`.
    pub until: Option<String>,
}

impl Gap {
    /// Whether it is about trials on `host`.
    #[must_use]
    pub fn is_about(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|one| one == host)
    }

    /// Whether it is no longer tolerated on the day `today`.
    #[must_use]
    pub fn is_expired(&self, today: &str) -> bool {
        self.until.as_deref().is_some_and(|until| until < today)
    }
}

/// The gaps of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Where they stand; the empty path when there is no such file.
    pub file: PathBuf,
    /// All of them.
    pub gaps: Vec<Gap>,
}

impl Gaps {
    /// Reads the gaps in `file`; a file that is not there holds none.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(file: &Path) -> Result<Self, Vec<Diagnostic>> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let message = format!("cannot be read: {error}");
                let help = "check who may read it";
                return Err(vec![Diagnostic::of_file(file, Code::Unreadable, message, help)]);
            }
        };
        Self::of(file, &text)
    }

    /// The gaps of which `text` tells, that stands in `file`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub(crate) fn of(file: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut found = Findings::of(file, text);
        let gaps = parse(text, &mut found);
        if found.is_empty() {
            Ok(Self { file: file.to_owned(), gaps })
        } else {
            Err(found.into_vec())
        }
    }

    /// The gap that tolerates an escape of `attack` at `level` on `host` on the day `today`.
    #[must_use]
    pub fn tolerating(&self, attack: &str, level: Level, host: &str, today: &str) -> Option<&Gap> {
        let is_it = |gap: &Gap| gap.attack == attack && gap.level == level && gap.is_about(host);
        self.gaps.iter().find(|gap| is_it(gap) && !gap.is_expired(today))
    }
}

/// The day in UTC, as `2027-01-31`.
#[must_use]
pub fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    day(since.as_secs() / 86_400)
}

/// The civil date of a day counted from the epoch: Howard Hinnant's algorithm, for which a year
/// begins in March, so that the leap day is its last.
pub(crate) fn day(since_epoch: u64) -> String {
    let shifted = since_epoch + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_based = (5 * day + 2) / 153;
    let month = if march_based < 10 { march_based + 3 } else { march_based - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{:02}", day - (153 * march_based + 2) / 5 + 1)
}

fn parse(text: &str, found: &mut Findings) -> Vec<Gap> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let help = "correct the line; https://toml.io describes the format".to_owned();
        found.report(offset, Code::Syntax, error.message().to_owned(), help);
    }
    if !errors.is_empty() {
        return Vec::new();
    }
    let mut top = Table::new("the file", 0, root.get_ref());
    let mut gaps = Vec::new();
    for mut table in top.tables("gap", found) {
        gaps.extend(gap(&mut table, found));
        table.close(found);
    }
    top.close(found);
    gaps
}

fn gap(table: &mut Table<'_>, found: &mut Findings) -> Option<Gap> {
    let attack = table.line("attack", found);
    let level = table.word::<Level>("level", found);
    let level = table.demanded("level", level, found);
    let hosts = table.texts("hosts", found).into_iter().map(|host| host.value.to_owned());
    let hosts = hosts.collect();
    let reason = table.line("reason", found);
    let until = table.value("until").and_then(|value| date(value, "until", found));
    let records = [table.text("issue", found), table.text("url", found)];
    let record = records.into_iter().flatten().next().map(|text| text.value.to_owned());
    if record.is_none() {
        let message = "the gap names neither `issue` nor `url`".to_owned();
        let help = "say where it is dealt with".to_owned();
        found.report(table.offset(), Code::MissingKey, message, help);
    }
    Some(Gap { attack: attack?, level: level?, hosts, reason: reason?, record: record?, until })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GAP: &str = "[[gap]]\nattack = \"files/cron\"\nlevel = \"full\"\nreason = \"r\"\n\
                       issue = \"#7\"\nuntil = 2027-01-31\n";

    fn read(text: &str) -> Result<Gaps, Vec<Diagnostic>> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gaps.toml");
        fs::write(&file, text).unwrap();
        Gaps::read(&file)
    }

    #[rstest]
    #[case(0, "1970-01-01")]
    #[case(19_782, "2024-02-29")]
    #[case(19_783, "2024-03-01")]
    #[case(20_819, "2027-01-01")]
    #[case(47_540, "2100-02-28")]
    #[case(47_541, "2100-03-01")]
    fn days_are_counted_as_the_calendar_does(#[case] since: u64, #[case] date: &str) {
        assert_eq!(day(since), date);
    }

    #[test]
    fn a_gap_tolerates_its_own_cell_until_its_last_day() {
        let gaps = read(GAP).unwrap();
        assert!(gaps.tolerating("files/cron", Level::Full, "root", "2027-01-31").is_some());
        assert!(gaps.tolerating("files/cron", Level::Full, "root", "2027-02-01").is_none());
        assert!(gaps.tolerating("files/cron", Level::Proposal, "root", "2027-01-31").is_none());
        assert!(gaps.tolerating("files/pth", Level::Full, "root", "2027-01-31").is_none());
    }

    #[test]
    fn a_gap_may_be_one_of_some_hosts_only() {
        let gaps = read(&format!("{GAP}hosts = [\"docker\", \"ubuntu\"]\n")).unwrap();
        let tolerates = |host| gaps.tolerating("files/cron", Level::Full, host, "2027-01-31");
        assert!(tolerates("docker").is_some() && tolerates("ubuntu").is_some());
        assert!(tolerates("root").is_none());
    }

    #[test]
    fn a_file_that_is_not_there_holds_no_gap() {
        assert_eq!(Gaps::read(Path::new("/nonexistent/gaps.toml")).unwrap(), Gaps::default());
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let found =
            read("[[gap]]\nattack = \"a/b\"\nlevel = \"ful\"\nreson = \"r\"\n").unwrap_err();
        let codes: Vec<_> = found.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(
            codes,
            [Code::BadValue, Code::MissingKey, Code::MissingKey, Code::UnknownKey],
            "{found:?}"
        );
    }
}
