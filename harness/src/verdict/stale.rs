//! Gaps that have outlived the escape that they are about.
#![forbid(unsafe_code)]

use super::{Settled, Verdict};
use crate::catalogue::Catalogue;
use crate::gaps::{Gap, Gaps};
use crate::lab::profile::Profile;

/// What is wrong with the gaps of a target after a run: one sentence each.
///
/// A gap that has expired, that names no attack, or whose cell did not escape, must go.
#[must_use]
pub fn stale(
    target: &str,
    gaps: &Gaps,
    catalogue: &Catalogue,
    settled: &[Settled],
    today: &str,
) -> Vec<String> {
    let verdict = |gap: &Gap| {
        let cells = settled.iter().filter(|one| {
            let trial = &one.cell.trial;
            trial.target == target
                && trial.attack.id.0 == gap.attack
                && trial.level == gap.level
                && gap.is_about(&trial.host)
        });
        // On several hosts it is closed only if it is closed on each of them.
        cells.map(|one| one.ruling.verdict).max_by_key(|verdict| *verdict != Verdict::Ok)
    };
    let complaint = |gap: &Gap| {
        let Gap { attack, level, until, .. } = gap;
        let name = format!("the gap of {attack} at {level}");
        if catalogue.get(attack).is_none() {
            return Some(format!("{name} names an attack that the catalogue does not have"));
        }
        let known = |host: &str| Profile::ALL.iter().any(|(_, name)| *name == host);
        if let Some(host) = gap.hosts.iter().find(|host| !known(host)) {
            return Some(format!("{name} names the host {host}, which there is not"));
        }
        if gap.is_expired(today) {
            let until = until.as_deref().unwrap_or_default();
            return Some(format!("{name} was tolerated until {until}: close it or renew it"));
        }
        match verdict(gap)? {
            Verdict::Ok => Some(format!("{name} is closed: remove it")),
            _ => None,
        }
    };
    gaps.gaps.iter().filter_map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use sandbox::Level;

    use super::*;
    use crate::catalogue::attack::{Attack, Expected, Purpose};
    use crate::schedule::{Cell, Sandbox, Trial};
    use crate::verdict::Ruling;

    fn complaints(attack: &str, verdict: Verdict, today: &str) -> Vec<String> {
        complaints_of("own", attack, verdict, today)
    }

    fn complaints_of(target: &str, attack: &str, verdict: Verdict, today: &str) -> Vec<String> {
        complaints_on(&[], target, attack, verdict, today)
    }

    fn complaints_on(
        hosts: &[&str],
        target: &str,
        attack: &str,
        verdict: Verdict,
        today: &str,
    ) -> Vec<String> {
        let tried = Attack::bare("files/cron", Purpose::Benign, &[]);
        let trial = Trial {
            attack: Arc::new(tried.clone()),
            target: "own".to_owned(),
            level: Level::Full,
            host: "root".to_owned(),
            sandbox: Sandbox::OWN,
        };
        let settled = Settled {
            cell: Cell { trial, expected: Expected::Blocked, asked: true },
            attempts: vec![],
            ruling: Ruling { verdict, ..Ruling::outside() },
        };
        let gap = Gap {
            attack: attack.to_owned(),
            level: Level::Full,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            reason: "not built yet".to_owned(),
            record: "#3".to_owned(),
            until: Some("2027-01-31".to_owned()),
        };
        let gaps = Gaps { gaps: vec![gap], ..Gaps::default() };
        stale(target, &gaps, &[tried].into_iter().collect(), &[settled], today)
    }

    #[rstest]
    #[case::it_matches(Verdict::KnownGap, None)]
    #[case::it_is_closed(Verdict::Ok, Some("the gap of files/cron at full is closed: remove it"))]
    #[case::nobody_knows(Verdict::Unsupported, None)]
    fn a_gap_that_is_closed_must_go(#[case] verdict: Verdict, #[case] complaint: Option<&str>) {
        let found = complaints("files/cron", verdict, "2027-01-01");
        assert_eq!(found.first().map(String::as_str), complaint);
    }

    #[test]
    fn a_gap_is_about_its_own_target_alone() {
        assert_eq!(complaints_of("other", "files/cron", Verdict::Ok, "2027-01-01"), [""; 0]);
    }

    #[test]
    fn a_gap_is_about_its_own_hosts_alone() {
        let on = |host| complaints_on(&[host], "own", "files/cron", Verdict::Ok, "2027-01-01");
        assert_eq!(on("root"), ["the gap of files/cron at full is closed: remove it"]);
        assert_eq!(on("docker"), [""; 0]);
        let unknown = "the gap of files/cron at full names the host dokcer, which there is not";
        assert_eq!(on("dokcer"), [unknown]);
    }

    #[test]
    fn a_gap_that_has_expired_or_names_nothing_must_go() {
        assert_eq!(
            complaints("files/cron", Verdict::UnexpectedEscape, "2027-02-01"),
            ["the gap of files/cron at full was tolerated until 2027-01-31: close it or renew it"]
        );
        assert_eq!(
            complaints("files/corn", Verdict::KnownGap, "2027-01-01"),
            ["the gap of files/corn at full names an attack that the catalogue does not have"]
        );
    }
}
