//! Where things are: found from the current directory upwards, never guessed.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Places;
use super::failure::Failure;
use crate::catalogue::Catalogue;
use crate::gaps::Gaps;
use crate::recipe::Recipe;
use crate::report::json::{self, ReadError};
use crate::report::schema::Report;
use crate::report::schema::ablation::Ablation;
use crate::schedule::Contender;

/// Where the sandboxes on trial are described.
const TARGETS: &str = "harness/targets";

/// The checkout around a directory, if there is one.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    here: PathBuf,
    root: Option<PathBuf>,
}

impl Workspace {
    /// The nearest directory from `here` upwards that holds `attacks/`.
    pub(super) fn around(here: &Path) -> Self {
        let root = here.ancestors().find(|dir| dir.join("attacks").is_dir());
        Self { here: here.to_owned(), root: root.map(Path::to_owned) }
    }

    /// The catalogue of the workspace with the folders of the command line.
    pub(super) fn catalogue(&self, places: &Places) -> Result<Catalogue, Failure> {
        let dirs = self.folders(places);
        if dirs.is_empty() {
            return Err(Failure::NoCatalogue { here: self.here.clone() });
        }
        Catalogue::open(&dirs).map_err(Failure::Catalogue)
    }

    /// The gaps of every contender.
    pub(super) fn gaps(&self, contenders: &[Contender]) -> Result<BTreeMap<String, Gaps>, Failure> {
        let Some(root) = &self.root else { return Ok(BTreeMap::new()) };
        let read = |contender: &Contender| {
            let dir = root.join(TARGETS).join(&contender.name);
            let gaps = Gaps::read(&dir.join("gaps.toml")).map_err(Failure::Catalogue)?;
            Ok((contender.name.clone(), gaps))
        };
        contenders.iter().map(read).collect()
    }

    /// The names of the sandboxes that are commands, sorted.
    pub(super) fn targets(&self) -> Result<Vec<String>, ReadError> {
        let Some(root) = &self.root else { return Ok(Vec::new()) };
        let mut folders = listed(&root.join(TARGETS))?;
        folders.retain(|folder| folder.join("target.toml").is_file());
        folders.sort();
        let name = |folder: &PathBuf| Some(folder.file_name()?.to_string_lossy().into_owned());
        Ok(folders.iter().filter_map(name).collect())
    }

    /// How the sandbox of that name is started.
    pub(super) fn recipe(&self, name: &str) -> Result<Recipe, Failure> {
        let root = self.root.as_deref().unwrap_or(&self.here);
        Recipe::read(&root.join(TARGETS).join(name)).map_err(Failure::Catalogue)
    }

    /// The top of the checkout, if there is one.
    pub(super) fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The folders of attacks: the workspace's own, then those of the command line.
    pub(super) fn folders(&self, places: &Places) -> Vec<PathBuf> {
        let own = self.root.iter().map(|root| root.join("attacks"));
        own.chain(places.catalogue.iter().map(|dir| self.here.join(dir))).collect()
    }

    /// The folder of the committed reports.
    pub(super) fn reports(&self) -> Option<PathBuf> {
        self.root.as_ref().map(|root| root.join("reports"))
    }

    /// The folder of the committed reports, which must be there to be compared or written.
    pub(super) fn demanded_reports(&self) -> Result<PathBuf, Failure> {
        self.reports().ok_or_else(|| Failure::NoReports { here: self.here.clone() })
    }

    /// The folder of the documents, which only a checkout has.
    pub(super) fn documents(&self) -> Result<PathBuf, Failure> {
        Ok(self.demanded_reports()?.with_file_name("docs"))
    }

    /// Where a run writes when nothing else is said.
    pub(super) fn out(&self) -> PathBuf {
        self.root.as_ref().unwrap_or(&self.here).join("target/harness")
    }
}

/// The place of a report below a folder of reports.
pub(super) fn place(dir: &Path, report: &Report) -> PathBuf {
    dir.join(&report.host).join(format!("{}.json", report.target))
}

/// Every report in a folder of reports, sorted by host and target.
pub(super) fn library(dir: &Path) -> Result<Vec<Report>, ReadError> {
    let mut files = Vec::new();
    for host in listed(dir)?.into_iter().filter(|path| path.is_dir()) {
        files.extend(listed(&host)?.into_iter().filter(|file| is_report(file)));
    }
    files.sort();
    files.iter().map(|file| json::read(file)).collect()
}

/// Every ablation in a folder of reports, sorted by host.
pub(super) fn ablations(dir: &Path) -> Result<Vec<Ablation>, ReadError> {
    let mut hosts: Vec<_> = listed(dir)?.into_iter().filter(|path| path.is_dir()).collect();
    hosts.sort();
    let read = |host: PathBuf| json::read_ablation(&host.join("own.ablation.json")).transpose();
    hosts.into_iter().filter_map(read).collect()
}

/// `own.json` is a report, `own.ablation.json` is another thing.
fn is_report(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_suffix(".json").is_some_and(|stem| !stem.contains('.'))
}

fn listed(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ReadError::Unreadable { file: dir.to_owned(), source }),
    };
    entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()
        .map_err(|source| ReadError::Unreadable { file: dir.to_owned(), source })
}
