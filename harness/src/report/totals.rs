//! How much gets through, counted for each guarantee and column: what every view begins with.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use sandbox::plain::plural;
use sandbox::{Guarantee, Level};

use super::OWN;
use super::columns::{Column, columns};
use super::schema::{At, Report};
use crate::catalogue::BENIGN;
use crate::verdict::{Seen, Verdict};

/// The host that comes first: what the sandbox does where nothing is refused to it.
const FIRST: &str = "root";

/// What became of some entries in one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Attacks that got through, or honest builds that did not build.
    pub(super) bad: usize,
    /// Attacks that were stopped, or honest builds that built.
    pub(super) good: usize,
    /// Attacks that did not get through a sandbox in which an honest build does not build.
    pub(super) unproven: usize,
    /// Trials that show nothing.
    pub(super) unclear: usize,
    /// What is on record as a gap.
    pub(super) gaps: usize,
    /// What is neither as expected, nor on record, nor impossible there.
    pub(super) off: usize,
}

impl Count {
    /// Of the entries of a folder; of all attacks for none.
    pub(super) fn of(column: &Column<'_>, folder: Option<&str>) -> Self {
        let mut count = Self::default();
        for id in column.report.results.keys() {
            let start = id.split('/').next().unwrap_or_default();
            if folder.map_or(start == BENIGN, |folder| start != folder) {
                continue;
            }
            let Some(cell) = column.cell(id) else { continue };
            match cell.outcome {
                Seen::Escaped => count.bad += 1,
                Seen::Blocked | Seen::Built => count.good += 1,
                // An honest build that ends with an error was tried, and did not build.
                Seen::Error if start == BENIGN => count.bad += 1,
                // It did not get through, and is not called blocked where honest builds fail too.
                Seen::Error if cell.is_of_unusable() => count.unproven += 1,
                Seen::Error => count.unclear += 1,
                Seen::NotRun => {}
            }
            match cell.verdict {
                Verdict::KnownGap => count.gaps += 1,
                Verdict::Ok | Verdict::Unsupported => {}
                _ => count.off += 1,
            }
        }
        count
    }

    /// How many show something of the sandbox.
    pub(super) const fn tried(self) -> usize {
        self.bad + self.good + self.unproven
    }

    /// From nothing (0) to everything (4); `None` where nothing was tried.
    pub(super) const fn heat(self) -> Option<usize> {
        match (self.bad, self.tried()) {
            (_, 0) => None,
            (0, _) => Some(0),
            (bad, all) if bad == all => Some(4),
            (bad, all) if bad * 2 > all => Some(3),
            (bad, all) if bad * 8 > all => Some(2),
            _ => Some(1),
        }
    }
}

/// The reports of every host, that of the whole trial first.
pub(super) fn by_host(reports: &[Report]) -> Vec<(&str, Vec<&Report>)> {
    let mut hosts: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
    for report in reports {
        hosts.entry(&report.host).or_default().push(report);
    }
    let mut hosts: Vec<_> = hosts.into_iter().collect();
    hosts.sort_by_key(|(host, _)| *host != FIRST);
    hosts
}

/// The folders that these reports tell of, honest builds last.
pub(super) fn folders(reports: &[&Report]) -> Vec<&'static str> {
    let present = |folder: &&str| {
        let start = format!("{folder}/");
        reports.iter().any(|report| report.results.keys().any(|id| id.starts_with(&start)))
    };
    Guarantee::ALL.map(Guarantee::name).into_iter().chain([BENIGN]).filter(present).collect()
}

/// The answer in words, a few sentences: our own sandbox on the first host and on all others, and other
/// sandboxes.
pub(super) fn answer(reports: &[Report]) -> Vec<String> {
    let hosts = by_host(reports);
    let all: Vec<_> = hosts.iter().map(|(host, reports)| (*host, columns(reports))).collect();
    let Some(((host, first), rest)) = all.split_first() else { return Vec::new() };
    let mut lines = Vec::new();
    lines.extend(own_answer(host, first));
    lines.extend(elsewhere(rest));
    lines.extend(all.iter().filter_map(|(host, columns)| rivals_answer(host, columns)));
    lines
}

fn is_own(column: &Column<'_>) -> bool {
    column.report.target == OWN
}

/// The strongest level of ours that was tried.
fn own_strongest<'c, 'r>(all: &'c [Column<'r>]) -> Option<&'c Column<'r>> {
    all.iter()
        .filter(|column| is_own(column))
        .rev()
        .find(|column| Count::of(column, None).tried() > 0)
}

fn own_answer(host: &str, all: &[Column<'_>]) -> Option<String> {
    let column = own_strongest(all)?;
    let count = Count::of(column, None);
    let none =
        all.iter().filter(|column| is_own(column)).find(|one| one.level == Some(Level::None));
    let control = none.map(|one| Count::of(one, None)).filter(|count| count.tried() > 0);
    let control = control.map_or_else(String::new, |control| {
        format!("; without a sandbox {} of {} do", control.bad, control.tried())
    });
    Some(format!(
        "On {host}, {} of {} {} through Bulkhead at {}{}{control}.",
        count.bad,
        plural(count.tried(), "attack"),
        if count.tried() == 1 { "gets" } else { "get" },
        column.heading,
        recorded(count),
    ))
}

/// Our own sandbox on hosts other than the first, in one sentence.
fn elsewhere(hosts: &[(&str, Vec<Column<'_>>)]) -> Option<String> {
    let strongest =
        |(host, columns): &(_, Vec<_>)| Some((Count::of(own_strongest(columns)?, None), *host));
    let mut counts: Vec<(Count, &str)> = hosts.iter().filter_map(strongest).collect();
    if counts.is_empty() {
        return None;
    }
    counts.sort();
    let mut sum = Count::default();
    for (count, _) in &counts {
        sum.bad += count.bad;
        sum.gaps += count.gaps;
        sum.off += count.off;
    }
    let told =
        |(count, host): &(Count, &str)| format!("{} of {} on {host}", count.bad, count.tried());
    let told: Vec<_> = counts.iter().map(told).collect();
    Some(format!("On other hosts: {}{}.", told.join(", "), recorded(sum)))
}

fn rivals_answer(host: &str, all: &[Column<'_>]) -> Option<String> {
    let rivals = all.iter().filter(|column| !is_own(column));
    let mut rivals: Vec<_> = rivals
        .map(|one| (Count::of(one, None), one.heading.as_str(), Count::of(one, Some(BENIGN))))
        .collect();
    rivals.retain(|(count, ..)| count.tried() > 0);
    if rivals.is_empty() {
        return None;
    }
    rivals.sort();
    let told = |(count, name, honest): &(Count, &str, Count)| {
        let mark = if honest.bad > 0 { " (where not every honest build builds)" } else { "" };
        format!("{} of {} through {name}{mark}", count.bad, count.tried())
    };
    let told: Vec<_> = rivals.iter().map(told).collect();
    let subject = if own_strongest(all).is_some() { "other sandboxes" } else { "the sandboxes" };
    Some(format!("On {host}, with {subject}: {}.", told.join(", ")))
}

fn recorded(count: Count) -> String {
    match (count.gaps, count.off) {
        (0, 0) if count.bad == 0 => String::new(),
        (0, 0) => ", as is expected there".to_owned(),
        (gaps, 0) => format!(" ({gaps} on record as known gaps)"),
        (0, off) => format!(" ({off} not as expected)"),
        (gaps, off) => format!(" ({gaps} on record as known gaps, {off} not as expected)"),
    }
}

/// The strongest level of our own sandbox on every host: the columns of the second table.
pub(super) fn strongest(reports: &[Report]) -> Vec<Column<'_>> {
    let mut all = Vec::new();
    for (host, reports) in by_host(reports) {
        let own = reports.into_iter().filter(|report| report.target == OWN);
        all.extend(own.map(|report| Column {
            heading: host.to_owned(),
            report,
            level: Some(Level::Full),
        }));
    }
    let has_full = |column: &Column<'_>| {
        column.report.results.values().any(|entry| entry.cells.contains_key(&At(Level::Full)))
    };
    all.retain(has_full);
    all
}

impl PartialOrd for Count {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Count {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bad.cmp(&other.bad).then(other.good.cmp(&self.good))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::report;
    use super::*;

    #[test]
    fn attacks_and_honest_builds_are_counted_apart() {
        let report = report();
        let columns = columns(&[&report]);
        let count = |at: usize, folder| Count::of(&columns[at], folder);
        assert_eq!((count(0, None).bad, count(0, None).tried()), (1, 1));
        assert_eq!((count(3, None).bad, count(3, None).tried(), count(3, None).gaps), (1, 2, 1));
        assert_eq!((count(3, Some(BENIGN)).good, count(3, Some(BENIGN)).bad), (1, 0));
        assert_eq!(count(2, Some("remnants")).heat(), None);
        assert_eq!(count(3, Some("remnants")).heat(), Some(4));
        assert_eq!(count(3, Some("secrets")).heat(), Some(0));
    }

    #[test]
    fn the_answer_is_a_sentence_with_the_control_beside_it() {
        let own = "On root, 1 of 2 attacks get through Bulkhead at full (1 on record as known gaps); \
                   without a sandbox 1 of 1 do.";
        assert_eq!(answer(&[report()]), [own]);
        let rival = Report { target: "cage".to_owned(), ..report() };
        assert_eq!(answer(&[rival]), ["On root, with the sandboxes: 1 of 2 through cage."]);
    }

    #[test]
    fn every_other_host_is_part_of_one_sentence() {
        let on = |host: &str| Report { host: host.to_owned(), ..report() };
        let told = answer(&[on("docker"), report(), on("ubuntu")]);
        let elsewhere = "On other hosts: 1 of 2 on docker, 1 of 2 on ubuntu (2 on record as known \
                         gaps).";
        assert_eq!(told, [answer(&[report()])[0].clone(), elsewhere.to_owned()]);
        assert_eq!(answer(&[]), Vec::<String>::new());
    }

    #[test]
    fn root_comes_first() {
        let docker = Report { host: "docker".to_owned(), ..report() };
        let reports = [docker, report()];
        let hosts: Vec<_> = by_host(&reports).into_iter().map(|(host, _)| host).collect();
        assert_eq!(hosts, ["root", "docker"]);
    }
}
