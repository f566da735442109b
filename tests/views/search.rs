//! The search of the page: what words find, and that every number finds what it counts.

use harness::report::schema::At;
use harness::verdict::Seen;
use sandbox::Level;
use serde_json::json;

use crate::browser::Viewer;
use crate::html::page;
use crate::specimen::committed;

#[test]
fn words_find_attacks_by_all_that_is_known_of_them_and_the_address_remembers() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    viewer.tab.press_key("/").unwrap();
    viewer.until("document.activeElement.id === 'words'");
    viewer.tab.type_str("secrets/netrc-read").unwrap();
    viewer.until("document.querySelector('#found').textContent.startsWith('1 of')");
    assert_eq!(viewer.ask("location.hash"), "#?secrets%2Fnetrc-read");
    viewer.tab.press_key("Escape").unwrap();
    viewer.until("document.querySelector('#hits').childElementCount === 0");
    for words in ["known-gap", "unsupported", "critical", "CWE-522", "T1552", "landlock", "podman"]
    {
        assert!(found(&viewer, words) > 0, "{words}");
    }
    let (all, critical) = (found(&viewer, "escaped"), found(&viewer, "critical escaped"));
    assert!(all > critical && critical > 0, "{all} {critical}");
    assert_eq!(found(&viewer, "no-such-word"), 0);
    viewer.open(&page(), "#?%E0%A4%A");
    assert_eq!(viewer.heard().0, Vec::<String>::new(), "a broken address is no mishap");
}

/// How many attacks the words find.
fn found(viewer: &Viewer, words: &str) -> usize {
    viewer.open(&page(), &format!("#?{words}"));
    let told = viewer.ask("document.querySelector('#found').textContent");
    told.as_str().unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn words_for_a_sandbox_a_host_and_an_outcome_are_true_of_one_and_the_same_trial() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    let search =
        "((wanted) => { words.value = wanted; search(); return parseInt(found.textContent); })";
    let reports = committed();
    let own = reports.iter().filter(|report| report.target == "own");
    for report in own {
        let full = report.results.values().filter_map(|one| one.cells.get(&At(Level::Full)));
        let escaped = full.filter(|cell| cell.outcome == Seen::Escaped).count();
        for words in ["{} full escaped", "bulkhead escaped {}/full"] {
            let words = words.replace("{}", &report.host);
            assert_eq!(viewer.ask(&format!("{search}('{words}')")), json!(escaped), "{words}");
        }
    }
}

/// Clicks every number, and lists those that find another number of attacks than they say.
const CLICK_ALL: &str = "(() => {
    const wrong = [];
    const cells = [...document.querySelectorAll('td')].filter((cell) => cell.textContent !== '–');
    for (const cell of cells) {
        cell.click();
        fromFragment();
        const told = document.querySelector('#found').textContent.split(' ')[0];
        if (told !== cell.textContent) wrong.push([location.hash, told, cell.textContent]);
    }
    return [cells.length, wrong]; })()";

#[test]
fn every_number_finds_as_many_attacks_as_it_says() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    let told = viewer.ask(CLICK_ALL);
    assert!(told[0].as_u64().unwrap() > 100, "{told}");
    assert_eq!(told[1], json!([]));
}
