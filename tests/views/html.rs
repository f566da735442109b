//! `index.html` in a browser.

use std::path::PathBuf;

use harness::report::html;

use crate::browser::Viewer;
use crate::specimen::{hostile, reports_dir};

const SHOWN: &str =
    "[...document.querySelectorAll('section tbody tr')].filter(row => row.offsetParent)";

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
  for (const element of document.querySelectorAll('td, th, summary, p, h1, h2, a, kbd, caption')) {
    if (!element.offsetParent || !element.textContent.trim()) continue;
    const [front, back] = [getComputedStyle(element).color, behind(element)].map((c) => light(rgb(c)));
    least = Math.min(least, (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05));
  }
  return least;
})()";

fn page() -> PathBuf {
    reports_dir().join("index.html")
}

#[test]
fn the_page_opens_without_a_complaint_and_asks_nobody_for_anything() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    assert!(viewer.ask("document.querySelectorAll('table.overview').length").as_u64() > Some(1));
    let all = viewer.ask("document.querySelectorAll('section tbody tr').length");
    assert!(all.as_u64() > Some(100), "{all}");
    assert_eq!(viewer.ask(&format!("{SHOWN}.length")), all);
    assert_eq!(
        viewer.ask("document.querySelector('#found').textContent"),
        format!("{all} of {all}")
    );
    for scheme in ["light", "dark"] {
        viewer.medium("screen", scheme);
        let contrast = viewer.ask(CONTRAST).as_f64().unwrap();
        assert!(contrast >= 4.5, "{scheme}: {contrast}");
        assert!(viewer.picture(&format!("page-{scheme}.png")).len() > 20_000, "{scheme} is empty");
    }
    let (complaints, requests) = viewer.heard();
    assert_eq!(complaints, Vec::<String>::new());
    let other =
        |url: &&String| *url != "about:blank" && **url != format!("file://{}", page().display());
    assert_eq!(requests.iter().filter(other).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(!requests.is_empty(), "the page itself was asked for");
}

#[test]
fn no_cell_says_by_colour_alone_what_it_says() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    let mute = "[...document.querySelectorAll('td')].map(cell => cell.textContent.trim())
        .filter(text => text && !/^[✓✗–?] ?[a-z0-9]/.test(text))";
    assert_eq!(viewer.ask(mute), serde_json::json!([]));
    let evidence = "document.querySelector('section td.escaped details > span').textContent";
    assert!(viewer.ask(evidence).as_str().unwrap().starts_with("seen: "));
}

#[test]
fn words_find_rows_and_the_address_remembers_them() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    viewer.tab.press_key("/").unwrap();
    viewer.until("document.activeElement.id === 'words'");
    viewer.tab.type_str("root/secrets netrc-read").unwrap();
    viewer.until("document.querySelector('#found').textContent.startsWith('1 of')");
    assert_eq!(
        viewer.ask(&format!("{SHOWN}.map(row => row.id)")),
        serde_json::json!(["root/secrets/netrc-read"])
    );
    assert_eq!(viewer.ask("location.hash"), "#?root%2Fsecrets%20netrc-read");
    viewer.tab.press_key("Escape").unwrap();
    viewer.until("document.querySelector('#words').value === ''");

    viewer.open(&page(), "#?known-gap");
    let found = viewer.ask(&format!("{SHOWN}.map(row => row.textContent.includes('known-gap'))"));
    let found = found.as_array().unwrap();
    assert!(!found.is_empty() && found.iter().all(|one| one == true), "{found:?}");
    viewer.ask("document.querySelector('form nav a[href=\"#?\"]').click() ?? null");
    viewer.until("document.querySelector('#words').value === ''");

    viewer.open(&page(), "#root/secrets/netrc-read");
    viewer.until("(() => { const box = document.getElementById('root/secrets/netrc-read').getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; })()");
    viewer.open(&page(), "#?%E0%A4%A");
    assert_eq!(viewer.heard().0, Vec::<String>::new(), "a broken address is no mishap");
}

#[test]
fn the_keyboard_reaches_every_cell_and_opens_its_evidence() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "#?root/secrets");
    viewer.tab.press_key("/").unwrap();
    viewer.until("document.activeElement.id === 'words'");
    viewer.tab_to("SUMMARY", 10);
    let place = "(() => { const cell = document.activeElement.closest('td'); return [cell.parentElement.rowIndex, cell.cellIndex]; })()";
    let at = |row: u64, column: u64| serde_json::json!([row, column]);
    assert_eq!(viewer.ask(place), at(1, 1), "Tab leads to the first cell");
    for (key, row, column) in
        [("ArrowRight", 1, 2), ("ArrowDown", 2, 2), ("ArrowLeft", 2, 1), ("ArrowUp", 1, 1)]
    {
        viewer.tab.press_key(key).unwrap();
        assert_eq!(viewer.ask(place), at(row, column), "{key}");
    }
    assert_ne!(viewer.ask("getComputedStyle(document.activeElement).outlineStyle"), "none");
    viewer.tab.press_key("Enter").unwrap();
    viewer.until("document.activeElement.parentElement.open");
    viewer.picture("page-evidence.png");
}

#[test]
fn without_scripts_every_row_is_there_and_evidence_opens() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.without_scripts();
    viewer.open(&page(), "#?known-gap");
    assert_eq!(viewer.ask("document.querySelector('form').offsetParent"), serde_json::Value::Null);
    let all = viewer.ask("document.querySelectorAll('section tbody tr').length");
    assert_eq!(viewer.ask(&format!("{SHOWN}.length")), all);
    viewer.tab_to("SUMMARY", 400);
    viewer.tab.press_key("Enter").unwrap();
    viewer.until("document.activeElement.parentElement.open");
}

#[test]
fn on_paper_there_is_no_form_and_what_is_not_as_expected_is_explained() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "#?known-gap");
    viewer.medium("print", "light");
    assert_eq!(viewer.ask("document.querySelector('form').offsetParent"), serde_json::Value::Null);
    let shown = "document.querySelector('section tr:not([hidden]) td.off details > span').getBoundingClientRect().height > 0";
    assert_eq!(viewer.ask(shown), true, "without being opened");
    let paper = viewer.tab.print_to_pdf(None).unwrap();
    assert!(paper.starts_with(b"%PDF-") && paper.len() > 20_000, "{} bytes", paper.len());
}

#[test]
fn nothing_that_an_attack_says_becomes_part_of_the_page() {
    let Some(viewer) = Viewer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("index.html");
    std::fs::write(&file, html::render(&[hostile()])).unwrap();
    viewer.open(&file, "");
    assert_eq!(viewer.ask("typeof window.owned"), "undefined");
    assert_eq!(viewer.ask("document.querySelectorAll('script').length"), 1);
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
