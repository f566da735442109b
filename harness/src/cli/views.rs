//! The views that lie beside reports, with links to the pages of attacks where there are some.
#![forbid(unsafe_code)]

use std::path::{Component, Path, PathBuf};

use super::failure::Failure;
use super::wanted::HOST;
use crate::catalogue::Catalogue;
use crate::report::html::{self, Beside};
use crate::report::publish::Page;
use crate::report::schema::Report;
use crate::report::schema::ablation::Ablation;
use crate::report::{matrix, svg};

/// What views tell beside the reports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Views<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) ablations: &'a [Ablation],
    /// The folder of the pages of attacks.
    pub(super) attacks: Option<&'a Path>,
}

impl Views<'_> {
    /// Those of these reports, which lie in `dir`.
    pub(super) fn pages(&self, dir: &Path, reports: &[Report]) -> Result<Vec<Page>, Failure> {
        let attacks = self.attacks.and_then(|attacks| relative(dir, attacks));
        let below = attacks.as_ref().map(|place| format!("../{place}"));
        // The picture is of the host that refuses nothing, where there is a report of it.
        let whole = reports.iter().find(|report| report.host == HOST).or(reports.first());
        let host = whole.map_or(HOST, |report| &report.host);
        let page = |name: PathBuf, text: String| Page { file: dir.join(name), text };
        let mut pages = vec![
            page("MATRIX.md".into(), matrix::totals(reports)),
            page("matrix.svg".into(), svg::render(reports, host)),
            page("index.html".into(), self.html(reports, attacks.as_deref())?),
        ];
        for (host, text) in matrix::hosts(reports, below.as_deref()) {
            pages.push(page(Path::new(&host).join("MATRIX.md"), text));
        }
        Ok(pages)
    }

    /// The page for a reviewer.
    pub(super) fn html(
        &self,
        reports: &[Report],
        attacks: Option<&str>,
    ) -> Result<String, Failure> {
        let beside = Beside { catalogue: Some(self.catalogue), ablations: self.ablations, attacks };
        Ok(html::render(reports, beside)?)
    }
}

/// The way from one directory to another, as a link has it. None where the two have only the root in
/// common: such a link would name places of this machine, and be broken anywhere else.
fn relative(from: &Path, to: &Path) -> Option<String> {
    let plain = |path: &Path| {
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => parts.push(name.to_str()?.to_owned()),
                Component::RootDir => {}
                _ => return None,
            }
        }
        Some(parts)
    };
    let (from, to) = (plain(from)?, plain(to)?);
    let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    if common == 0 {
        return None;
    }
    let up = from.iter().skip(common).map(|_| "..");
    let down = to.iter().skip(common).map(String::as_str);
    Some(up.chain(down).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_up_and_down_and_never_through_the_root() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        let docs = "/a/b/docs/attacks";
        assert_eq!(way("/a/b/reports", docs).as_deref(), Some("../docs/attacks"));
        assert_eq!(way("/a/b/target/harness", docs).as_deref(), Some("../../docs/attacks"));
        assert_eq!(way("/tmp/out", docs), None);
        assert_eq!(way("/a/../tmp", docs), None);
    }
}
