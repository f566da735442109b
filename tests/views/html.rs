//! `index.html` in a browser: as it is committed, at the widths of a telephone and of a desk.

use std::path::PathBuf;

use harness::report::html::{self, Beside};
use harness::report::schema::Report;
use serde_json::json;

use crate::axe;
use crate::browser::Viewer;
use crate::specimen::{committed, hostile, reports_dir};

/// What a reviewer's page may cost before anything is opened, and in all.
const NODES: u64 = 1_500;
const BYTES: u64 = 300 * 1024;

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

fn page() -> PathBuf {
    reports_dir().join("index.html")
}

#[test]
fn the_page_opens_without_a_complaint_is_small_and_asks_nobody_for_anything() {
    let size = std::fs::metadata(page()).unwrap().len();
    assert!(size <= BYTES, "{size} bytes");
    let Some(viewer) = Viewer::start() else { return };
    viewer.open(&page(), "");
    let nodes = viewer.ask(COUNT).as_u64().unwrap();
    println!("{size} bytes, {nodes} nodes");
    assert!(nodes > 200 && nodes <= NODES, "{nodes} nodes");
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

/// The committed reports as they may become: every host whole, and twice as many sandboxes.
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
    for host in ["kubernetes", "runner"] {
        reports.push(Report { host: host.to_owned(), ..whole.clone() });
    }
    let rivals: Vec<_> = reports.iter().filter(|report| report.target != "own").cloned().collect();
    for rival in &rivals {
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
    let Some(viewer) = Viewer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("index.html");
    std::fs::write(&file, text).unwrap();
    viewer.width(WIDTHS[0]);
    viewer.open(&file, "");
    let nodes = viewer.ask(COUNT).as_u64().unwrap();
    assert!(nodes <= NODES, "{nodes} nodes");
    viewer.picture("page-grown.png");
    assert_eq!(viewer.ask("document.documentElement.scrollWidth"), json!(WIDTHS[0]));
}

#[test]
fn axe_finds_nothing() {
    let Some(axe) = axe::script() else { return };
    let Some(viewer) = Viewer::start() else { return };
    for fragment in ["", "#secrets/netrc-read", "#?known-gap"] {
        for scheme in ["light", "dark"] {
            viewer.width(WIDTHS[0]);
            viewer.open(&page(), fragment);
            viewer.medium("screen", scheme);
            let found = viewer.ask_later(&format!(
                "(async () => {{ {axe}; const found = await globalThis.axe.run(); return JSON.stringify(\
                 found.violations.map((one) => [one.id, one.nodes.map((node) => node.html)])); }})()"
            ));
            assert_eq!(found, json!([]), "{fragment} {scheme}");
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
    viewer.until(&format!("{whole}.querySelectorAll('li').length > 4"));
    let text = viewer.ask(&format!("{whole}.textContent"));
    let text = text.as_str().unwrap();
    for part in ["stopped by", "depth", "CWE-", "root none", "✗ escaped", "✓ blocked", "seen: "]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let link = viewer.ask(&format!("{whole}.querySelector('a').getAttribute('href')"));
    let target = reports_dir().join(link.as_str().unwrap());
    assert!(target.is_file(), "{}", target.display());
}

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
    let count = |words: &str| {
        viewer.open(&page(), &format!("#?{words}"));
        let told = viewer.ask("document.querySelector('#found').textContent");
        told.as_str().unwrap().split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    let known = count("known-gap");
    assert!(known > 0, "there are known gaps");
    let (all, critical, there) =
        (count("escaped"), count("critical escaped"), count("docker full escaped"));
    assert!(all > critical && critical > 0 && all > there && there > 0, "{all} {critical} {there}");
    assert!(count("CWE-522") > 0 && count("no-such-word") == 0);
    viewer.open(&page(), "#?%E0%A4%A");
    assert_eq!(viewer.heard().0, Vec::<String>::new(), "a broken address is no mishap");
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
fn without_scripts_every_attack_is_there_with_a_link_and_where_it_got_through() {
    let Some(viewer) = Viewer::start() else { return };
    viewer.without_scripts();
    viewer.open(&page(), "");
    assert_eq!(viewer.ask("document.querySelector('form').offsetParent"), serde_json::Value::Null);
    viewer.tab_to("SUMMARY", 60);
    viewer.tab.press_key("Enter").unwrap();
    viewer.until("document.activeElement.parentElement.open");
    let all = viewer.ask("document.querySelectorAll('details.row li').length").as_u64().unwrap();
    let listed =
        viewer.ask("JSON.parse(document.querySelector('#data').textContent).attacks.length");
    assert_eq!(all, listed.as_u64().unwrap());
    let first = viewer.ask("document.activeElement.parentElement.querySelector('li').textContent");
    assert!(first.as_str().unwrap().contains("got through"), "{first}");
    let broken = viewer.ask(
        "[...document.querySelectorAll('li a')].filter(link => !link.getAttribute('href').startsWith('../docs/attacks/')).length",
    );
    assert_eq!(broken, json!(0));
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
