//! The picture in the README is drawn from the committed report.

use std::fmt::Write as _;
use std::fs;

use harness::lab::profile::Profile;
use harness::report::json;
use harness::report::schema::{At, Cell, Entry, Report};
use harness::verdict::{Seen, Verdict};
use sandbox::{Guarantee, Level};

use crate::tree::{names, read, root};

const BEGIN: &str = "<!-- matrix:begin -->\n";
const END: &str = "<!-- matrix:end -->";

/// How many entries of a folder were seen to end so at a level, of those that were tried there.
fn counted(report: &Report, folder: &str, level: Level, wanted: Seen) -> String {
    let prefix = format!("{folder}/");
    let entries = report.results.iter().filter(|(id, _)| id.starts_with(&prefix));
    let seen: Vec<_> = entries
        .filter_map(|(_, entry)| entry.cells.get(&At(level)))
        .map(|cell| cell.outcome)
        .collect();
    let tried = seen.iter().filter(|seen| !matches!(seen, Seen::NotRun | Seen::Error)).count();
    let count = seen.iter().filter(|seen| **seen == wanted).count();
    if tried == 0 { "–".to_owned() } else { format!("{count} of {tried}") }
}

fn drawn(report: &Report) -> String {
    let levels = Level::ALL.map(Level::name).join(" | ");
    let mut text = format!("| guarantee | {levels} |\n|---|---|---|---|---|\n");
    let row =
        |folder: &str, wanted| Level::ALL.map(|it| counted(report, folder, it, wanted)).join(" | ");
    for guarantee in Guarantee::ALL.map(Guarantee::name) {
        let cells = row(guarantee, Seen::Escaped);
        writeln!(text, "| [{guarantee}](docs/threat-model.md#{guarantee}) | {cells} |").unwrap();
    }
    writeln!(text, "| *honest builds that build* | {} |", row("benign", Seen::Built)).unwrap();
    text
}

#[test]
fn the_readme_shows_what_the_report_says() {
    let committed = root().join("reports/root/own.json");
    if !committed.is_file() {
        println!("skipped: no report is committed; `harness run --update` writes one");
        return;
    }
    let text = read("README.md");
    let (before, rest) = text.split_once(BEGIN).expect("the README marks where its matrix begins");
    let (shown, after) = rest.split_once(END).expect("the README marks where its matrix ends");
    let wanted = drawn(&json::read(&committed).unwrap());
    if shown != wanted && std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(root().join("README.md"), format!("{before}{BEGIN}{wanted}{END}{after}"))
            .unwrap();
        return;
    }
    assert!(
        shown == wanted,
        "The README's picture is not the committed report's; `just bless` draws it anew:\n{wanted}"
    );
}

const HOSTS_BEGIN: &str = "<!-- hosts:begin -->\n";
const HOSTS_END: &str = "<!-- hosts:end -->";

/// What became of the attacks at `full` on one host: tried, got through, on record as gaps, and not
/// to be tried.
fn at_full(report: &Report) -> [usize; 4] {
    let attacks = report.results.iter().filter(|(id, _)| !id.starts_with("benign/"));
    let cells: Vec<_> =
        attacks.filter_map(|(_, entry)| entry.cells.get(&At(Level::Full))).collect();
    let count = |wanted: &dyn Fn(&Cell) -> bool| cells.iter().filter(|cell| wanted(cell)).count();
    [
        count(&|cell| matches!(cell.outcome, Seen::Blocked | Seen::Escaped)),
        count(&|cell| cell.outcome == Seen::Escaped),
        count(&|cell| cell.verdict == Verdict::KnownGap),
        count(&|cell| cell.verdict == Verdict::Unsupported),
    ]
}

fn hosts_drawn() -> String {
    let mut text = "| host | tried | got through | of them on record as gaps | cannot be tried |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    for (_, host) in Profile::ALL {
        let file = root().join(format!("reports/{host}/own.json"));
        // A host whose report is not committed yet has no row.
        if !file.exists() {
            continue;
        }
        let [tried, escaped, gaps, unsupported] = at_full(&json::read(&file).unwrap());
        writeln!(text, "| `{host}` | {tried} | {escaped} | {gaps} | {unsupported} |").unwrap();
    }
    text
}

#[test]
fn the_readme_shows_all_hosts_as_their_reports_do() {
    let text = read("README.md");
    let parts = text.split_once(HOSTS_BEGIN).and_then(|(before, rest)| {
        let (shown, after) = rest.split_once(HOSTS_END)?;
        Some((before, shown, after))
    });
    let (before, shown, after) = parts.expect("the README marks where its table of hosts is");
    let wanted = hosts_drawn();
    if shown != wanted && std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        let text = format!("{before}{HOSTS_BEGIN}{wanted}{HOSTS_END}{after}");
        fs::write(root().join("README.md"), text).unwrap();
        return;
    }
    assert!(
        shown == wanted,
        "The README's hosts are not the committed reports'; `just bless` draws them anew:\n{wanted}"
    );
}

/// What became of the attacks in one sandbox that is a command: tried, got through, of these on record
/// as gaps, by what is handed over, and by using up the machine; and of the honest builds.
struct Rival {
    target: String,
    subject: String,
    tried: usize,
    through: usize,
    gaps: usize,
    artefacts: usize,
    resources: usize,
    built: usize,
}

impl Rival {
    fn of(report: &Report) -> Self {
        // Its own level is the strongest; the other is its control.
        let cells = report.results.values().flat_map(|entry| entry.cells.keys());
        let level = cells.max().copied().unwrap_or(At(Level::Full));
        let (honest, attacks): (Vec<_>, Vec<_>) =
            report.results.iter().partition(|(id, _)| id.starts_with("benign/"));
        // Where an honest build does not build, no attack counts as blocked, and a report has no cell
        // for what did not get through. It was tried all the same, if it got through at its control.
        let untold = |entry: &Entry| {
            let control = entry.cells.values().next();
            !entry.cells.contains_key(&level)
                && control.is_some_and(|cell| cell.outcome == Seen::Escaped)
        };
        let untold = attacks.iter().filter(|(_, entry)| untold(entry)).count();
        let cells = attacks.iter().filter_map(|(id, entry)| Some((*id, entry.cells.get(&level)?)));
        let cells: Vec<_> = cells.collect();
        let count = |wanted: &dyn Fn(&str, &Cell) -> bool| {
            cells.iter().filter(|(id, cell)| wanted(id, cell)).count()
        };
        let through = |cell: &Cell| cell.outcome == Seen::Escaped;
        let told = count(&|_, cell| cell.outcome != Seen::NotRun);
        let is_built =
            |entry: &Entry| entry.cells.get(&level).is_some_and(|cell| cell.outcome == Seen::Built);
        Self {
            target: report.target.clone(),
            subject: report.subject.clone().unwrap_or_else(|| report.target.clone()),
            tried: told + untold,
            through: count(&|_, cell| through(cell)),
            gaps: count(&|_, cell| cell.verdict == Verdict::KnownGap),
            artefacts: count(&|id, cell| through(cell) && id.starts_with("artefacts/")),
            resources: count(&|id, cell| through(cell) && id.starts_with("resources/")),
            built: honest.iter().filter(|(_, entry)| is_built(entry)).count(),
        }
    }

    /// How many honest builds build, of those that there are; plainly, where one does not.
    fn honest(&self) -> String {
        let all = names("attacks/benign").len();
        if self.built == all {
            format!("{all} of {all}")
        } else {
            format!("**{} of {all}**", self.built)
        }
    }
}

/// The other sandboxes on the host `root`, the best first.
fn rivals() -> Vec<Rival> {
    let files = fs::read_dir(root().join("reports/root")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let is_rival = |file: &std::path::PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        file.extension().is_some_and(|end| end == "json") && !name.starts_with("own.")
    };
    let mut all: Vec<_> =
        files.filter(is_rival).map(|file| Rival::of(&json::read(&file).unwrap())).collect();
    all.sort_by(|one, two| (one.through, &one.target).cmp(&(two.through, &two.target)));
    all
}

/// A part of a document between two marks, held against what it should say.
fn holds_part(file: &str, mark: &str, wanted: &str) {
    let (begin, end) = (format!("<!-- {mark}:begin -->\n"), format!("<!-- {mark}:end -->"));
    let text = read(file);
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (shown, after) = rest.split_once(&end)?;
        Some((before, shown, after))
    });
    let (before, shown, after) = parts.unwrap_or_else(|| panic!("{file} has no part `{mark}`"));
    if shown != wanted && std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(root().join(file), format!("{before}{begin}{wanted}{end}{after}")).unwrap();
        return;
    }
    assert!(shown == wanted, "{file} does not say this, `just bless` writes it:\n{wanted}");
}

#[test]
fn the_readme_compares_other_sandboxes_as_their_reports_do() {
    let mut wanted = "| | got through | by what is handed over | by using up the machine | \
                      honest builds that build |\n|---|---|---|---|---|\n"
        .to_owned();
    for one in rivals() {
        let honest = one.honest();
        let Rival { subject, through, tried, artefacts, resources, .. } = one;
        let got = format!("{through} of {tried} | {artefacts} | {resources}");
        writeln!(wanted, "| {subject} | {got} | {honest} |").unwrap();
    }
    holds_part("README.md", "rivals", &wanted);
}

#[test]
fn the_page_of_targets_has_the_numbers_of_the_reports() {
    const FILE: &str = "docs/targets.md";
    let text = read(FILE);
    let mut wanted = Vec::new();
    let mut known = rivals();
    for line in text.lines() {
        let mut cells: Vec<String> = line.split(" | ").map(str::to_owned).collect();
        let name = line.strip_prefix("| [").and_then(|rest| rest.split(']').next());
        let place = known.iter().position(|one| Some(one.target.as_str()) == name);
        if let (Some(place), [.., honest, through, gaps]) = (place, cells.as_mut_slice()) {
            let one = known.remove(place);
            *honest = one.honest();
            *through = format!("{} of {}", one.through, one.tried);
            *gaps = format!("[{}](../harness/targets/{}/gaps.toml) |", one.gaps, one.target);
        }
        wanted.push(cells.join(" | "));
    }
    let missing: Vec<_> = known.iter().map(|one| one.target.as_str()).collect();
    assert!(missing.is_empty(), "{FILE} has no row for {missing:?}");
    let wanted = wanted.join("\n") + "\n";
    if text != wanted && std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(root().join(FILE), wanted).unwrap();
        return;
    }
    assert!(text == wanted, "{FILE} does not have the reports' numbers; `just bless` writes them");
}

#[test]
fn what_was_tried_in_a_sandbox_in_which_an_honest_build_fails_counts_as_tried() {
    let escaped = r#"{ "outcome": "escaped", "expected": "escaped", "verdict": "ok" }"#;
    let text = format!(
        r#"{{ "schema": "harness.report/1", "host": "root", "target": "box", "results": {{
        "artefacts/a": {{ "fixture": "sha256:000000000000", "none": {escaped}, "full": {escaped} }},
        "files/b": {{ "fixture": "sha256:000000000000", "none": {escaped} }},
        "files/c": {{ "fixture": "sha256:000000000000",
            "full": {{ "outcome": "not-run", "expected": "not-run", "verdict": "ok" }} }},
        "benign/d": {{ "fixture": "sha256:000000000000",
            "full": {{ "outcome": "built", "expected": "built", "verdict": "ok" }} }} }} }}"#
    );
    let one = Rival::of(&serde_json::from_str(&text).unwrap());
    assert_eq!((one.through, one.tried, one.artefacts), (1, 2, 1));
    assert_eq!((one.built, one.honest().as_str()), (1, "**1 of 3**"));
}

#[test]
fn cells_that_were_not_tried_do_not_count() {
    let text = r#"{ "schema": "harness.report/1", "host": "root", "target": "own", "results": {
        "files/a": { "fixture": "sha256:000000000000",
            "none": { "outcome": "escaped", "expected": "escaped", "verdict": "ok" },
            "full": { "outcome": "blocked", "expected": "blocked", "verdict": "ok" } },
        "files/b": { "fixture": "sha256:000000000000",
            "none": { "outcome": "not-run", "expected": "not-run", "verdict": "ok" },
            "full": { "outcome": "escaped", "expected": "blocked", "verdict": "unexpected-escape" } } } }"#;
    let report: Report = serde_json::from_str(text).unwrap();
    assert_eq!(counted(&report, "files", Level::None, Seen::Escaped), "1 of 1");
    assert_eq!(counted(&report, "files", Level::Full, Seen::Escaped), "1 of 2");
    assert_eq!(counted(&report, "files", Level::Network, Seen::Escaped), "–");
    assert_eq!(at_full(&report), [2, 1, 0, 0]);
}
