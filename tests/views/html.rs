//! `index.html` in a browser: as it is committed, at the widths of a telephone and of a desk.

use std::path::PathBuf;

use harness::report::html::{self, Beside};
use harness::report::schema::Report;
use harness::verdict::Seen;
use serde_json::json;

use crate::axe;
use crate::browser::Viewer;
use crate::measure::{measured, wide};
use crate::specimen::{committed, hostile, reports_dir};

/// What a reviewer's page may cost before anything is opened, and in all.
const NODES: u64 = 1_500;
const BYTES: u64 = 300 * 1024;

/// How often the tabulator key is pressed from one end of the closed page to the other.
const TAB_STOPS: usize = 60;

/// Widths in CSS pixels: the narrowest telephone, and a desk.
const WIDTHS: [u32; 2] = [360, 1280];

/// Every node of the document, texts and comments too.
const COUNT: &str =
    "(() => { const walk = document.createTreeWalker(document, NodeFilter.SHOW_ALL);
    let count = 1; while (walk.nextNode()) count += 1; return count; })()";

/// Opens every row and every attack.
const OPEN_ALL: &str = "(() => {
    for (const row of document.querySelectorAll('details.row')) open(row);
    for (const item of document.querySelectorAll('details.attack')) item.open = true;
    return document.querySelectorAll('details.attack').length; })()";

/// The smallest contrast of any text on the page with what is behind it, as WCAG counts it.
const CONTRAST: &str = "(() => {
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (rgb(colour)[3] === 255) return colour;
    }
    return 'Canvas';
  };
  let least = 21;
  for (const element of document.querySelectorAll('td, th, summary, p, h1, h2, a, kbd, caption, li, li span, small, dt, dd, b')) {
    if (!element.offsetParent || !element.textContent.trim()) continue;
    const [front, back] = [getComputedStyle(element).color, behind(element)].map((c) => light(rgb(c)));
    least = Math.min(least, (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05));
  }
  return least;
})()";

pub(crate) fn page() -> PathBuf {
    reports_dir().join("index.html")
}

#[test]
fn the_page_is_small_and_narrow_and_soon_passed_with_the_keyboard() {
    let text = std::fs::read_to_string(page()).unwrap();
    assert!(text.len() as u64 <= BYTES, "{} bytes", text.len());
    for scripts in [true, false] {
        let found = measured(&text, scripts);
        println!("{} bytes, {found:?}, scripts: {scripts}", text.len());
        assert!(found.nodes > 200 && found.nodes as u64 <= NODES, "{found:?}");
        assert!(found.tab_stops > 20 && found.tab_stops <= TAB_STOPS, "{found:?}");
    }
    let style =
        text.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
    assert_eq!(wide(style), Vec::<String>::new());
    assert!(!text.contains(" style=") && !text.contains("<pre"), "widths are the style's alone");
}

#[test]
fn every_link_of_the_page_leads_to_a_file_or_a_part_of_it() {
    let text = std::fs::read_to_string(page()).unwrap();
    let links: std::collections::BTreeSet<_> =
        text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() > 30, "{links:?}");
    for link in links {
        let (file, part) = link.split_once('#').unwrap_or((link, ""));
        let place = reports_dir().join(file);
        if file.is_empty() {
            let is_search = part.starts_with('?');
            assert!(is_search || text.contains(&format!("id=\"{part}\"")), "{link}");
        } else {
            assert!(place.is_file(), "{link}");
            let headings = std::fs::read_to_string(place).unwrap();
            assert!(part.is_empty() || headings.contains(&format!("\n## {part}\n")), "{link}");
        }
    }
}

#[test]
fn the_page_opens_without_a_complaint_and_asks_nobody_for_anything() {
    let text = std::fs::read_to_string(page()).unwrap();
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    assert_eq!(viewer.ask(COUNT), json!(measured(&text, true).nodes), "what is counted is there");
    let answer = viewer.ask("document.querySelector('.answer').textContent");
    assert!(answer.as_str().unwrap().starts_with("On root, "), "{answer}");
    let (complaints, requests) = viewer.heard();
    assert_eq!(complaints, Vec::<String>::new());
    let other =
        |url: &&String| *url != "about:blank" && **url != format!("file://{}", page().display());
    assert_eq!(requests.iter().filter(other).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(!requests.is_empty(), "the page itself was asked for");
}

#[test]
fn it_fits_every_width_in_light_and_dark_with_enough_contrast() {
    let Some(viewer) = Viewer::start() else { return };
    for width in WIDTHS {
        viewer.width(width);
        for scheme in ["light", "dark"] {
            viewer.open(&page(), "");
            viewer.medium("screen", scheme);
            let closed = viewer.picture(&format!("page-{width}-{scheme}.png"));
            assert!(closed.len() > 15_000, "{width} {scheme} is empty");
            assert_eq!(viewer.ask("document.documentElement.scrollWidth"), json!(width));
            viewer.open(&page(), "#secrets/netrc-read");
            viewer.until("document.getElementById('secrets/netrc-read').open");
            viewer.picture(&format!("page-{width}-{scheme}-open.png"));
            assert_eq!(viewer.ask("document.documentElement.scrollWidth"), json!(width));
            let contrast = viewer.ask(CONTRAST).as_f64().unwrap();
            assert!(contrast >= 4.5, "{width} {scheme}: {contrast}");
        }
    }
}

/// The committed reports as they may become: every host whole, two more of them, and five more sandboxes.
fn grown() -> Vec<Report> {
    let mut reports = committed();
    let whole =
        reports.iter().find(|one| (one.host.as_str(), one.target.as_str()) == ("root", "own"));
    let whole = whole.unwrap().clone();
    for report in &mut reports {
        for (id, entry) in &whole.results {
            let Some(cells) = report.results.values().next().map(|one| one.cells.len()) else {
                continue;
            };
            let mut entry = entry.clone();
            while entry.cells.len() > cells {
                entry.cells.pop_first();
            }
            report.results.entry(id.clone()).or_insert(entry);
        }
    }
    for host in ["another", "one-more"] {
        reports.push(Report { host: host.to_owned(), ..whole.clone() });
    }
    let rivals: Vec<_> = reports.iter().filter(|report| report.target != "own").cloned().collect();
    for rival in rivals.iter().take(5) {
        let target = format!("{}-2", rival.target);
        let subject = rival.subject.as_ref().map(|subject| format!("{subject}-2"));
        reports.push(Report { target, subject, ..rival.clone() });
    }
    reports
}

#[test]
fn it_stays_small_and_narrow_when_hosts_and_sandboxes_become_more() {
    let reports = grown();
    let text = html::render(&reports, Beside::default()).unwrap();
    // What the manifests say would come to that, as the committed page shows.
    let about = std::fs::metadata(page()).unwrap().len()
        - u64::try_from(html::render(&committed(), Beside::default()).unwrap().len()).unwrap();
    let size = u64::try_from(text.len()).unwrap() + about;
    println!("{size} bytes with {} reports", reports.len());
    assert!(size <= BYTES, "{size} bytes");
    for scripts in [true, false] {
        let found = measured(&text, scripts);
        println!("{found:?}, scripts: {scripts}");
        assert!(found.nodes as u64 <= NODES, "{found:?}");
    }
    let Some(viewer) = Viewer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("index.html");
    std::fs::write(&file, text).unwrap();
    viewer.width(WIDTHS[0]);
    viewer.open(&file, "");
    viewer.picture("page-grown.png");
    assert_eq!(viewer.ask("document.documentElement.scrollWidth"), json!(WIDTHS[0]));
}

/// Also the rules that axe leaves off unless it is asked: contrast of the highest grade, and targets
/// large enough for a finger.
const ALL_RULES: &str = "const rules = {};
    for (const { ruleId } of globalThis.axe.getRules()) rules[ruleId] = { enabled: true };";

#[test]
fn axe_finds_nothing() {
    let Some(axe) = axe::script() else { return };
    let Some(viewer) = Viewer::start() else { return };
    for fragment in ["", "#secrets/netrc-read", "#?known-gap"] {
        for (scheme, width) in ["light", "dark"].into_iter().flat_map(|it| WIDTHS.map(|w| (it, w)))
        {
            viewer.width(width);
            viewer.open(&page(), fragment);
            viewer.medium("screen", scheme);
            let found = viewer.ask_later(&format!(
                "(async () => {{ {axe}; {ALL_RULES} const found = await globalThis.axe.run({{ rules }}); return JSON.stringify(\
                 found.violations.map((one) => [one.id, one.nodes.map((node) => node.html)])); }})()"
            ));
            assert_eq!(found, json!([]), "{fragment} {scheme} {width}");
        }
    }
}

#[test]
fn a_row_opens_to_its_attacks_and_an_attack_to_its_evidence() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    viewer.ask("document.querySelector('a[href=\"#secrets\"]').click() ?? null");
    viewer.until("document.querySelectorAll('#secrets details.attack').length > 40");
    let whole = "document.getElementById('secrets/netrc-read')";
    assert_eq!(viewer.ask(&format!("{whole}.open")), false);
    viewer.ask(&format!("{whole}.querySelector('summary').click() ?? null"));
    viewer.until(&format!("{whole}.querySelectorAll('li').length > 1"));
    let text = viewer.ask(&format!("{whole}.textContent"));
    let text = text.as_str().unwrap();
    let parts =
        ["layers", "depth", "history", "CWE-", "root: none", "✗ escaped", "✓ blocked", "seen: "];
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
    let link = viewer.ask(&format!("{whole}.querySelector('a').getAttribute('href')"));
    let target = reports_dir().join(link.as_str().unwrap());
    assert!(target.is_file(), "{}", target.display());
}

#[test]
fn what_gets_through_is_told_in_its_row_and_comes_first() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "#processes");
    viewer.until("document.querySelectorAll('#processes details.attack').length > 10");
    let lines = viewer.ask(
        "[...document.querySelectorAll('#processes details.attack summary')].map((one) => one.textContent)",
    );
    let lines: Vec<_> = lines.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let through = lines.iter().take_while(|line| line.contains("✗ full on ")).count();
    assert!(through > 0 && through < lines.len(), "{lines:?}");
    assert!(lines[through..].iter().all(|line| line.contains("✓ full")), "{lines:?}");
}

#[test]
fn the_keyboard_reaches_a_row_and_opens_it() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    viewer.tab_to("SUMMARY", 60);
    assert_ne!(viewer.ask("getComputedStyle(document.activeElement).outlineStyle"), "none");
    viewer.tab.press_key("Enter").unwrap();
    viewer.until("document.activeElement.parentElement.open");
    viewer.tab.press_key("Tab").unwrap();
    viewer.until("document.activeElement.closest('details.attack') !== null");
    viewer.tab.press_key("Enter").unwrap();
    viewer.until("document.activeElement.parentElement.querySelectorAll('li').length > 0");
}

#[test]
fn without_scripts_what_got_through_is_there_by_name_with_where() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.without_scripts();
    viewer.open(&page(), "");
    assert_eq!(viewer.ask("document.querySelector('form').offsetParent"), serde_json::Value::Null);
    viewer.tab_to("SUMMARY", 60);
    viewer.tab.press_key("Enter").unwrap();
    viewer.until("document.activeElement.parentElement.open");
    let all = viewer.ask("document.querySelector('main').textContent");
    let all = all.as_str().unwrap();
    for report in committed() {
        for (id, entry) in &report.results {
            let escaped = entry.cells.values().any(|cell| cell.outcome == Seen::Escaped);
            let slug = id.split_once('/').unwrap().1;
            assert!(!escaped || report.host != "root" || all.contains(slug), "{id}");
        }
    }
    let own = viewer.ask("document.querySelector('#processes li').textContent");
    let own = own.as_str().unwrap();
    assert!(own.starts_with("Through Bulkhead at full: ") && own.contains(" on docker"), "{own}");
    for width in WIDTHS {
        viewer.width(width);
        viewer
            .ask("document.querySelectorAll('details').forEach((one) => one.open = true) ?? null");
        viewer.picture(&format!("page-{width}-no-scripts.png"));
        assert_eq!(viewer.ask("document.documentElement.scrollWidth"), json!(width));
    }
}

#[test]
fn on_paper_there_is_no_form() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    viewer.medium("print", "light");
    assert_eq!(viewer.ask("document.querySelector('form').offsetParent"), serde_json::Value::Null);
    let paper = viewer.tab.print_to_pdf(None).unwrap();
    assert!(paper.starts_with(b"%PDF-") && paper.len() > 20_000, "{} bytes", paper.len());
}

#[test]
fn nothing_that_an_attack_says_becomes_part_of_the_page() {
    let Some(viewer) = Viewer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("index.html");
    std::fs::write(&file, html::render(&[hostile()], Beside::default()).unwrap()).unwrap();
    viewer.open(&file, "#secrets");
    viewer.ask(OPEN_ALL);
    assert_eq!(viewer.ask("typeof window.owned"), "undefined");
    assert_eq!(viewer.ask("document.querySelectorAll('script').length"), 2);
    assert_eq!(viewer.ask("document.querySelectorAll('img').length"), 0);
    assert_eq!(
        viewer.ask(
            "/[\\u202a-\\u202e\\u2066-\\u2069\\u001b]/.test(document.documentElement.outerHTML)"
        ),
        false
    );
    let (complaints, requests) = viewer.heard();
    assert_eq!(complaints, Vec::<String>::new());
    assert!(
        requests.iter().all(|url| url == "about:blank" || url.starts_with("file:")),
        "{requests:?}"
    );
}
