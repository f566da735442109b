//! What the page costs, counted in its text: it needs no browser.

/// What a page is made of, as a browser counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Elements, texts between them, and the document with its type.
    pub(crate) nodes: usize,
    /// What the tabulator key stops at before anything is opened.
    pub(crate) tab_stops: usize,
}

/// Elements in which nothing is markup.
const RAW: [&str; 2] = ["script", "style"];

/// Elements that a browser makes without being told: `head` and `body`.
const IMPLIED: usize = 2;

/// Counts with scripts, where what `<noscript>` holds is one text, or without.
pub(crate) fn measured(page: &str, scripts: bool) -> Measured {
    let mut found = Measured { nodes: IMPLIED + 1, tab_stops: 0 };
    let mut rest = page;
    // How many closed parts are around, whose content nobody can get to yet.
    let mut closed = 0_usize;
    // Before the first element of the head a browser drops blanks.
    let mut begun = false;
    while let Some(at) = rest.find('<') {
        found.nodes += usize::from(at > 0 && begun);
        let (tag, behind) = rest[at..].split_once('>').expect("a tag ends");
        rest = behind;
        let name = tag.trim_start_matches(['<', '/']).split_whitespace().next().unwrap_or_default();
        if tag.starts_with("</") {
            closed -= usize::from(name == "details");
            continue;
        }
        found.nodes += 1;
        begun |= name != "html" && !name.starts_with('!');
        closed += usize::from(name == "details");
        let is_reached = match name {
            "a" | "input" => closed == 0,
            "summary" => closed == 1,
            _ => false,
        };
        found.tab_stops += usize::from(is_reached);
        if RAW.contains(&name) || (scripts && name == "noscript") {
            let end = format!("</{name}>");
            let at = rest.find(&end).expect("it ends");
            found.nodes += usize::from(at > 0);
            rest = &rest[at + end.len()..];
        }
    }
    found.nodes += usize::from(!rest.is_empty());
    found
}

/// Declarations of a style that could make a page wider than the window: widths that do not follow
/// it, and lines that do not break.
pub(crate) fn wide(style: &str) -> Vec<String> {
    let declarations = style.split(['{', '}', ';']).map(str::trim);
    let is_wide = |declaration: &&str| {
        let Some((name, value)) = declaration.split_once(':') else { return false };
        let follows = value.contains('%') || value.contains("vw") || name == "max-width";
        let breaks = name != "white-space" || value.trim().ends_with("-line");
        let is_narrow = value.trim().trim_end_matches("em").parse::<f64>().is_ok_and(|it| it < 8.0);
        !breaks || (name.ends_with("width") && !follows && !is_narrow)
    };
    // A condition on the window is no width of anything.
    declarations.filter(|one| !one.starts_with('@')).filter(is_wide).map(str::to_owned).collect()
}

#[test]
fn elements_and_texts_are_counted_as_a_browser_does() {
    let page = "<!doctype html>\n<html>\n<p>a <a href=x>b</a><script>if (1 < 2) {}</script>\
                <noscript><a href=y>c</a></noscript><details><summary>d</summary><a href=z>e</a>\
                </details>";
    let (with, without) = (measured(page, true), measured(page, false));
    // The document, its type, html, head and body; p, a, script, noscript, details, summary and a
    // with a text in each but one, and one more beside it.
    assert_eq!(with, Measured { nodes: 18, tab_stops: 2 });
    assert_eq!(without, Measured { nodes: 19, tab_stops: 3 });
    assert_eq!(wide("a { width: 900px; max-width: 60rem } b { white-space: nowrap }").len(), 2);
}
