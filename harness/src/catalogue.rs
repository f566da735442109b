//! The catalogue of attacks: every manifest read and checked, or every mistake in them.
#![forbid(unsafe_code)]

pub mod attack;
mod backend;
pub mod diagnostic;
pub mod expectation;
pub(crate) mod manifest;
mod names;
mod pyproject;
mod python;
#[cfg(test)]
mod specimen;
pub(crate) mod spelling;
pub mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandbox::Guarantee;

use attack::{Attack, AttackId};
use diagnostic::{Code, Diagnostic, Findings};
use manifest::Place;
use tree::{Node, Tree};

/// What the manifest of an entry is called.
const MANIFEST: &str = "attack.toml";

/// The folder of the honest builds, beside those of the guarantees.
pub const BENIGN: &str = "benign";

/// Every entry, by its id.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: BTreeMap<AttackId, Arc<Attack>>,
}

impl Catalogue {
    /// Reads `<dir>/<guarantee>/<slug>/attack.toml` and `<dir>/benign/<slug>/attack.toml` of
    /// every given folder.
    ///
    /// # Errors
    /// Every mistake of every manifest and of every tree, sorted by file and line.
    pub fn open(dirs: &[PathBuf]) -> Result<Self, Vec<Diagnostic>> {
        let folders: Vec<_> = dirs.iter().cloned().map(Source::Folder).collect();
        Self::of(&folders)
    }

    /// Reads every entry of these sources.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn of(sources: &[Source]) -> Result<Self, Vec<Diagnostic>> {
        let mut entries = BTreeMap::new();
        let mut found = Vec::new();
        let mut homes: BTreeMap<AttackId, PathBuf> = BTreeMap::new();
        let places: Vec<_> = sources.iter().flat_map(|one| one.places(&mut found)).collect();
        for (place, tree) in places {
            let file = place.dir.join(MANIFEST);
            if let Some(other) = homes.insert(place.id.clone(), place.dir.clone()) {
                let message = format!("`{}` is also the id of {}", place.id, other.display());
                let help = "rename one of the two folders";
                found.push(Diagnostic::of_file(&file, Code::IdReused, message, help));
                continue;
            }
            match tree.and_then(|tree| entry(&file, place, tree)) {
                Ok(attack) => drop(entries.insert(attack.id.clone(), Arc::new(attack))),
                Err(mistakes) => found.extend(mistakes),
            }
        }
        found.sort();
        if found.is_empty() { Ok(Self { entries }) } else { Err(found) }
    }

    /// Every entry, sorted by id.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Attack>> {
        self.entries.values()
    }

    /// The entry of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Attack>> {
        self.entries.get(&AttackId(id.to_owned()))
    }

    /// Only what lies in `dir` or below it.
    #[must_use]
    pub fn only_below(mut self, dir: &Path) -> Self {
        self.entries.retain(|_, attack| attack.dir.starts_with(dir));
        self
    }

    /// The id that is nearest to a misspelt one.
    #[must_use]
    pub fn nearest(&self, id: &str) -> Option<&str> {
        let ids: Vec<_> = self.entries.keys().map(|id| id.0.as_str()).collect();
        spelling::nearest(id, &ids).or_else(|| {
            // Whoever leaves out the folder is not near by letters, but clearly means one.
            let slugs: Vec<_> = ids
                .iter()
                .filter_map(|known| known.split_once('/').map(|(_, slug)| slug))
                .collect();
            let near = spelling::nearest(id, &slugs)?;
            ids.iter().find(|known| known.split_once('/').is_some_and(|it| it.1 == near)).copied()
        })
    }
}

impl FromIterator<Attack> for Catalogue {
    fn from_iter<I: IntoIterator<Item = Attack>>(attacks: I) -> Self {
        let entries = attacks.into_iter().map(|attack| (attack.id.clone(), Arc::new(attack)));
        Self { entries: entries.collect() }
    }
}

/// Where entries are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A folder, laid out as `<guarantee>/<slug>/attack.toml`.
    Folder(PathBuf),
    /// What the program carries, laid out in the same way.
    Carried(Tree),
}

impl Source {
    /// Every entry with its source tree.
    fn places(&self, found: &mut Vec<Diagnostic>) -> Vec<(Place, Result<Tree, Vec<Diagnostic>>)> {
        match self {
            Self::Folder(root) => {
                let read = |place: Place| {
                    let tree = tree::read(&place.dir);
                    (place, tree)
                };
                places(root, found).into_iter().map(read).collect()
            }
            Self::Carried(all) => {
                let all = tree::split(all).into_iter().map(|((name, slug), tree)| {
                    let dir = Path::new(CARRIED).join(&name).join(&slug);
                    (Place::new(&name, &slug, dir, name.parse().ok()), Ok(tree))
                });
                all.collect()
            }
        }
    }
}

/// Stands for the place of what the program carries, where a place is shown.
pub(crate) const CARRIED: &str = "(built in)";

/// Every folder of an entry below `root`.
fn places(root: &Path, found: &mut Vec<Diagnostic>) -> Vec<Place> {
    let mut places = Vec::new();
    for (name, dir) in folders(root, found) {
        let guarantee = match name.parse::<Guarantee>() {
            Ok(guarantee) => Some(guarantee),
            Err(_) if name == BENIGN => None,
            Err(unknown) => {
                let message = format!("`{name}` is not one of the nine guarantees");
                let help = unknown.nearest.map_or_else(
                    || format!("known: {} {BENIGN}", unknown.known),
                    |near| format!("did you mean `{near}`?"),
                );
                found.push(Diagnostic::of_file(&dir, Code::UnknownFolder, message, &help));
                continue;
            }
        };
        for (slug, dir) in folders(&dir, found) {
            places.push(Place::new(&name, &slug, dir, guarantee));
        }
    }
    places
}

/// The folders in `dir`, sorted, without hidden ones.
fn folders(dir: &Path, found: &mut Vec<Diagnostic>) -> Vec<(String, PathBuf)> {
    let entries = match fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => {
            found.push(tree::unreadable(dir, &error));
            return Vec::new();
        }
    };
    let mut folders: Vec<_> = entries
        .into_iter()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, path)| path.is_dir() && !name.starts_with(['.', '_']))
        .collect();
    folders.sort();
    folders
}

fn entry(file: &Path, mut place: Place, tree: Tree) -> Result<Attack, Vec<Diagnostic>> {
    let place_dir = place.dir.clone();
    let mut found = Vec::new();
    for (path, node) in &tree {
        if path.extension().is_some_and(|end| end == "py") {
            let file = place.dir.join(path);
            let Some(source) = text(&file, node, &mut found) else { continue };
            let mut findings = Findings::of(&file, source);
            backend::check_source(source, &mut findings);
            found.extend(findings.into_vec());
            place.backend.push_str(source);
        } else if path != Path::new(MANIFEST)
            && let Node::File { content, .. } = node
            && let Ok(content) = std::str::from_utf8(content)
        {
            // What a back end reads, runs or compiles; the manifest names its sources.
            let file = place.dir.join(path);
            let mut findings = Findings::of(&file, content);
            backend::check_text(content, &mut findings);
            found.extend(findings.into_vec());
        }
    }
    place.fixture = tree::digest(&tree);
    build_system(&place.dir, &tree, &mut found);
    let attack = match tree.get(Path::new(MANIFEST)) {
        None | Some(Node::Link(_)) => {
            let message = "the folder has no file attack.toml".to_owned();
            let help = "write the manifest, or move the folder out of the catalogue";
            found.push(Diagnostic::of_file(&place.dir, Code::NoManifest, message, help));
            None
        }
        Some(node) => text(file, node, &mut found).and_then(|text| {
            let mut findings = Findings::of(file, text);
            backend::check_credentials(text, &mut findings);
            found.extend(findings.into_vec());
            manifest::read(file, text, place).map_err(|mistakes| found.extend(mistakes)).ok()
        }),
    };
    match attack {
        Some(attack) if found.is_empty() => {
            let found = apart(&place_dir, file, &tree, &attack);
            if found.is_empty() { Ok(Attack { tree, ..attack }) } else { Err(found) }
        }
        _ => Err(found),
    }
}

/// Every mark and plant about which manifest and back end do not agree.
fn apart(dir: &Path, manifest: &Path, tree: &Tree, attack: &Attack) -> Vec<Diagnostic> {
    let (mut found, mut sources) = (Vec::new(), String::new());
    for (path, node) in tree.iter().filter(|(path, _)| path.extension() == Some("py".as_ref())) {
        let file = dir.join(path);
        let Some(source) = text(&file, node, &mut found) else { continue };
        let mut findings = Findings::of(&file, source);
        names::check_source(source, attack, &mut findings);
        found.extend(findings.into_vec());
        sources.push_str(source);
    }
    let text = match tree.get(Path::new("attack.toml")) {
        Some(Node::File { content, .. }) => String::from_utf8_lossy(content).into_owned(),
        _ => String::new(),
    };
    let mut findings = Findings::of(manifest, &text);
    names::check_marks(&sources, attack, &mut findings);
    found.extend(findings.into_vec());
    found
}

fn build_system(dir: &Path, tree: &Tree, found: &mut Vec<Diagnostic>) {
    let file = dir.join("pyproject.toml");
    let Some(node) = tree.get(Path::new("pyproject.toml")) else {
        let message = "the source tree has no pyproject.toml".to_owned();
        let help = "copy the one of another entry";
        found.push(Diagnostic::of_file(dir, Code::BuildSystem, message, help));
        return;
    };
    let Some(text) = text(&file, node, found) else { return };
    let mut findings = Findings::of(&file, text);
    let has = |module: &str| {
        let path = PathBuf::from(module.replace('.', "/"));
        tree.contains_key(&path.with_extension("py"))
            || tree.contains_key(&path.join("__init__.py"))
    };
    pyproject::check(text, &has, &mut findings);
    found.extend(findings.into_vec());
}

/// What a file of the tree says, if it says it in UTF-8.
fn text<'n>(file: &Path, node: &'n Node, found: &mut Vec<Diagnostic>) -> Option<&'n str> {
    let content = match node {
        Node::File { content, .. } => std::str::from_utf8(content),
        Node::Link(_) => return None,
    };
    content
        .inspect_err(|error| {
            let message = format!("is not UTF-8: {error}");
            found.push(Diagnostic::of_file(file, Code::Unreadable, message, "save it as UTF-8"));
        })
        .ok()
}
