//! Where things are: found from the current directory upwards, or carried by the program.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Places;
use super::failure::Failure;
use super::settings::{self, Settings};
use super::wanted::OWN;
use crate::builtin::{self, Part};
use crate::catalogue::diagnostic::Diagnostic;
use crate::catalogue::{CARRIED, Catalogue, Source};
use crate::gaps::Gaps;
use crate::recipe::Recipe;
use crate::report::json::{self, ReadError};
use crate::report::schema::Report;
use crate::report::schema::ablation::Ablation;
use crate::schedule::Contender;

/// The name of what a run tells of each layer.
const ABLATION: &str = "own.ablation.json";

/// Where a checkout describes the sandboxes on trial.
const TARGETS: &str = "harness/targets";

/// What a command works with.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    here: PathBuf,
    place: Place,
    /// The folders of attacks, beside what is carried.
    attacks: Vec<PathBuf>,
    /// The folders of sandboxes, beside what is carried.
    targets: Vec<PathBuf>,
    /// Whether what the program carries is used.
    carried: bool,
}

/// Whose directory it is.
#[derive(Clone, Debug)]
enum Place {
    /// A checkout of this project, which has its own of everything that is carried.
    Checkout(PathBuf),
    /// A repository with a `harness.toml`.
    Repository(PathBuf, Box<Settings>),
    /// Neither.
    Nowhere,
}

/// Where a sandbox is described.
enum Home {
    Folder(PathBuf),
    Carried,
    Settings,
}

impl Place {
    /// That of the nearest directory from `here` upwards.
    fn around(here: &Path) -> Result<Self, Failure> {
        for dir in here.ancestors() {
            let file = dir.join(settings::FILE);
            if file.is_file() {
                let settings = Settings::read(&file).map_err(Failure::Catalogue)?;
                return Ok(Self::Repository(dir.to_owned(), Box::new(settings)));
            }
            if is_checkout(dir) {
                return Ok(Self::Checkout(dir.to_owned()));
            }
        }
        Ok(Self::Nowhere)
    }
}

/// Whether a directory has attacks, or sandboxes, where a checkout has them. Another project's
/// folder of that name is none.
fn is_checkout(dir: &Path) -> bool {
    let below = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
    let attacks = dir.join("attacks");
    attacks.is_dir()
        && (dir.join(TARGETS).is_dir()
            || below(attacks)
                .flat_map(|entry| below(entry.path()))
                .any(|entry| entry.path().join("attack.toml").is_file()))
}

impl Workspace {
    /// What `here` lies in, with what the command line adds.
    pub(super) fn around(here: &Path, places: &Places) -> Result<Self, Failure> {
        let place = Place::around(here)?;
        let (mut attacks, mut targets) = (Vec::new(), Vec::new());
        let mut carried = !places.no_builtin;
        match &place {
            Place::Checkout(root) if carried => {
                attacks.push(root.join("attacks"));
                targets.push(root.join(TARGETS));
                carried = false;
            }
            Place::Repository(root, settings) => {
                attacks.extend(settings.catalogue.iter().map(|dir| root.join(dir)));
                targets.extend(settings.targets.iter().map(|dir| root.join(dir)));
                carried &= settings.builtin;
            }
            Place::Checkout(_) | Place::Nowhere => {}
        }
        attacks.extend(places.catalogue.iter().map(|dir| here.join(dir)));
        let named: Vec<_> = places.targets.iter().map(|dir| here.join(dir)).collect();
        if let Some(dir) = named.iter().find(|dir| !dir.is_dir()) {
            return Err(Failure::NoTargets { dir: dir.clone() });
        }
        targets.extend(named);
        Ok(Self { here: here.to_owned(), place, attacks, targets, carried })
    }

    /// The catalogue.
    pub(super) fn catalogue(&self) -> Result<Catalogue, Failure> {
        let mut sources = Vec::new();
        if self.carried {
            let files = Part::Attacks.files().map_err(|source| Failure::Carried { source })?;
            sources.push(Source::Carried(files));
        }
        sources.extend(self.attacks.iter().cloned().map(Source::Folder));
        if sources.is_empty() {
            return Err(Failure::NoCatalogue);
        }
        Catalogue::of(&sources).map_err(Failure::Catalogue)
    }

    /// What `harness.toml` says, if there is one.
    pub(super) fn settings(&self) -> Option<&Settings> {
        match &self.place {
            Place::Repository(_, settings) => Some(settings),
            Place::Checkout(_) | Place::Nowhere => None,
        }
    }

    /// The gaps of every contender.
    pub(super) fn gaps(&self, contenders: &[Contender]) -> Result<BTreeMap<String, Gaps>, Failure> {
        let homes = self.homes()?;
        let read = |contender: &Contender| {
            let name = &contender.name;
            let gaps = match homes.get(name) {
                Some(Home::Folder(dir)) => Gaps::read(&dir.join("gaps.toml")),
                Some(Home::Carried) => carried_gaps(name)?,
                // Our own gaps lie beside the targets, as those of a target do.
                None if name == OWN && self.carried => carried_gaps(name)?,
                None if name == OWN => self.own_gaps(),
                Some(Home::Settings) | None => Ok(Gaps::default()),
            };
            Ok((name.clone(), gaps.map_err(Failure::Catalogue)?))
        };
        contenders.iter().map(read).collect()
    }

    fn own_gaps(&self) -> Result<Gaps, Vec<Diagnostic>> {
        match &self.place {
            Place::Checkout(root) => Gaps::read(&root.join(TARGETS).join(OWN).join("gaps.toml")),
            Place::Repository(..) | Place::Nowhere => Ok(Gaps::default()),
        }
    }

    /// Where every sandbox that is a command is described.
    fn homes(&self) -> Result<BTreeMap<String, Home>, Failure> {
        let mut homes = BTreeMap::new();
        let mut add = |name: String, home: Home| match homes.insert(name.clone(), home) {
            Some(_) => Err(Failure::Twice { name }),
            None => Ok(()),
        };
        if self.carried {
            let files = Part::Targets.files().map_err(|source| Failure::Carried { source })?;
            for path in files.keys().filter(|path| path.ends_with("target.toml")) {
                let name = path.parent().and_then(Path::file_name).unwrap_or_default();
                add(name.to_string_lossy().into_owned(), Home::Carried)?;
            }
        }
        for sandbox in self.settings().iter().flat_map(|settings| &settings.sandboxes) {
            add(sandbox.name.clone(), Home::Settings)?;
        }
        for dir in &self.targets {
            for folder in listed(dir)? {
                if folder.join("target.toml").is_file() {
                    let name = folder.file_name().unwrap_or_default().to_string_lossy();
                    add(name.into_owned(), Home::Folder(folder.clone()))?;
                }
            }
        }
        Ok(homes)
    }

    /// The names of the sandboxes that are commands, sorted.
    pub(super) fn targets(&self) -> Result<Vec<String>, Failure> {
        Ok(self.homes()?.into_keys().collect())
    }

    /// How the sandbox of that name is started.
    pub(super) fn recipe(&self, name: &str) -> Result<Recipe, Failure> {
        let recipe = match (self.homes()?.get(name), &self.place) {
            (Some(Home::Carried), _) => {
                let files = Part::Targets.files().map_err(|source| Failure::Carried { source })?;
                let read = |file: &Path| {
                    builtin::content(&files, &Path::new(name).join(file)).map(<[u8]>::to_vec)
                };
                Recipe::read_by(&Path::new(CARRIED).join(name), &read)
            }
            (Some(Home::Settings), Place::Repository(root, settings)) => {
                let named = settings.sandboxes.iter().find(|one| one.name == name).cloned();
                let read = |file: &Path| fs::read(root.join(file));
                named.map_or_else(|| Err(Vec::new()), |recipe| recipe.with_files(root, &read))
            }
            (Some(Home::Folder(dir)), _) => Recipe::read(dir),
            _ => Recipe::read(&self.here.join(name)),
        };
        recipe.map_err(Failure::Catalogue)
    }

    /// The top of the checkout or the repository, if there is one.
    pub(super) fn root(&self) -> Option<&Path> {
        match &self.place {
            Place::Checkout(root) | Place::Repository(root, _) => Some(root),
            Place::Nowhere => None,
        }
    }

    /// The folders of attacks, beside what is carried.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.attacks
    }

    /// The folder of the committed reports.
    pub(super) fn reports(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Checkout(root) => Some(root.join("reports")),
            Place::Repository(root, settings) => Some(root.join(&settings.reports)),
            Place::Nowhere => None,
        }
    }

    /// Every report that is known of: those that are committed, else those that are carried.
    pub(super) fn known_reports(&self) -> Result<Vec<Report>, Failure> {
        let committed = match self.reports() {
            Some(dir) => library(&dir)?,
            None => Vec::new(),
        };
        if !self.carried {
            return Ok(committed);
        }
        let mut all = BTreeMap::new();
        for report in carried_reports()?.into_iter().chain(committed) {
            all.insert((report.host.clone(), report.target.clone()), report);
        }
        Ok(all.into_values().collect())
    }

    /// What each layer is worth, as far as that is known: as [`known_reports`](Self::known_reports).
    pub(super) fn known_ablations(&self) -> Result<Vec<Ablation>, Failure> {
        if self.carried {
            return carried_ablations();
        }
        Ok(self.reports().map(|dir| ablations(&dir)).transpose()?.unwrap_or_default())
    }

    /// The folder of the pages of attacks, where there is one.
    pub(super) fn attack_pages(&self) -> Option<PathBuf> {
        self.documents().ok().map(|dir| dir.join("attacks")).filter(|dir| dir.is_dir())
    }

    /// The folder of the committed reports, which must be there to be compared or written.
    pub(super) fn demanded_reports(&self) -> Result<PathBuf, Failure> {
        self.reports().ok_or_else(|| Failure::NoReports { here: self.here.clone() })
    }

    /// The folder of the documents, which only a checkout has.
    pub(super) fn documents(&self) -> Result<PathBuf, Failure> {
        match &self.place {
            Place::Checkout(root) => Ok(root.join("docs")),
            Place::Repository(..) | Place::Nowhere => {
                Err(Failure::NoDocuments { here: self.here.clone() })
            }
        }
    }

    /// Where a run writes when nothing else is said.
    pub(super) fn out(&self) -> PathBuf {
        match &self.place {
            Place::Checkout(root) => root.join("target/harness"),
            Place::Repository(root, _) => root.join("harness-results"),
            Place::Nowhere => self.here.join("harness-results"),
        }
    }
}

/// The gaps on record of a sandbox that is carried.
fn carried_gaps(name: &str) -> Result<Result<Gaps, Vec<Diagnostic>>, Failure> {
    let files = Part::Targets.files().map_err(|source| Failure::Carried { source })?;
    let file = Path::new(name).join("gaps.toml");
    Ok(match builtin::content(&files, &file) {
        Ok(bytes) => Gaps::of(&Path::new(CARRIED).join(&file), &String::from_utf8_lossy(bytes)),
        Err(_none) => Ok(Gaps::default()),
    })
}

/// Every ablation that is carried, sorted by host.
fn carried_ablations() -> Result<Vec<Ablation>, Failure> {
    let files = Part::Reports.files().map_err(|source| Failure::Carried { source })?;
    let mut ablations = Vec::new();
    for path in files.keys().filter(|path| path.ends_with(ABLATION)) {
        let bytes = builtin::content(&files, path).map_err(|source| Failure::Carried { source })?;
        let text = String::from_utf8_lossy(bytes);
        ablations.push(json::parse_ablation(&text, &Path::new(CARRIED).join(path))?);
    }
    Ok(ablations)
}

/// Every report that is carried, sorted by host and target.
fn carried_reports() -> Result<Vec<Report>, Failure> {
    let files = Part::Reports.files().map_err(|source| Failure::Carried { source })?;
    let mut reports = Vec::new();
    for path in files.keys().filter(|path| is_report(path)) {
        let bytes = builtin::content(&files, path).map_err(|source| Failure::Carried { source })?;
        let text = String::from_utf8_lossy(bytes);
        reports.push(json::parse(&text, &Path::new(CARRIED).join(path))?);
    }
    Ok(reports)
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
    let mut reports = files.iter().map(|file| json::read(file)).collect::<Result<Vec<_>, _>>()?;
    // By their names, not by those of their files: of `box` and `box-strict` each would come first.
    reports.sort_by(|one, other| (&one.host, &one.target).cmp(&(&other.host, &other.target)));
    Ok(reports)
}

/// Every ablation in a folder of reports, sorted by host.
pub(super) fn ablations(dir: &Path) -> Result<Vec<Ablation>, ReadError> {
    let mut hosts: Vec<_> = listed(dir)?.into_iter().filter(|path| path.is_dir()).collect();
    hosts.sort();
    let read = |host: PathBuf| json::read_ablation(&host.join(ABLATION)).transpose();
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
