//! A sandbox that is a command: what `target.toml` says of it, read and checked.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use sandbox::{Layer, LayerSet, Level};
use toml::de::DeTable;

use crate::catalogue::diagnostic::{Code, Diagnostic, Findings};
use crate::catalogue::manifest::Table;

/// The variables that `argv` may use; the front end fills them in for every call of a hook.
pub const VARIABLES: [&str; 8] =
    ["{argv}", "{source}", "{output}", "{control}", "{work}", "{python}", "{lab}", "{target}"];

/// How a sandbox is started, and what it promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Its name, which is that of its folder.
    pub name: String,
    /// One line.
    pub title: String,
    /// The documentation that the command line comes from.
    pub source: String,
    /// The level with which it is compared: the column in which it stands.
    pub level: Level,
    /// The layers that it provides.
    pub layers: LayerSet,
    /// The command, with variables; `{argv}` is the call of the hook.
    pub argv: Vec<String>,
    /// The command that prints its version; none for a script of ours.
    pub version: Vec<String>,
    /// What must be there for it to work.
    pub requires: Vec<Requirement>,
    /// The files that it brings along, by name.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// The tripwires that it sets off in every trial, whatever is built: a trait of its own, which
    /// says nothing about any one attack.
    pub leaves: Vec<String>,
    /// The directories in which it keeps records of its own, absolute. What is written or mounted
    /// there is not the build's, so no tripwire is set off by it; a file that a manifest asks for
    /// counts there too.
    pub keeps: Vec<PathBuf>,
    /// What was put on trial, with its version, once that was asked for.
    pub subject: Option<String>,
    /// Why it cannot be tried in a lab, or on this machine, once that was found out.
    pub lacking: Option<String>,
}

/// Something that a sandbox needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// A program of the search path, or an absolute path.
    pub what: String,
    /// Why it is needed, and how to get it.
    pub reason: String,
}

impl Recipe {
    /// A sandbox that adds nothing, for tests.
    #[cfg(test)]
    pub(crate) fn bare(name: &str, level: Level) -> Self {
        Self {
            name: name.to_owned(),
            title: String::new(),
            source: String::new(),
            level,
            layers: LayerSet::EMPTY,
            argv: vec!["{argv}".to_owned()],
            version: vec![],
            requires: vec![],
            files: vec![],
            leaves: vec![],
            keeps: vec![],
            subject: None,
            lacking: None,
        }
    }

    /// Reads the `target.toml` in `dir`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(dir: &Path) -> Result<Self, Vec<Diagnostic>> {
        let read = |name: &Path| fs::read(dir.join(name));
        Self::read_by(dir, &read)
    }

    /// Reads the `target.toml` of the folder `dir`, whose files `read` gives.
    ///
    /// # Errors
    /// Every mistake in it.
    pub(crate) fn read_by(dir: &Path, read: &Read<'_>) -> Result<Self, Vec<Diagnostic>> {
        let file = dir.join("target.toml");
        let text = read(Path::new("target.toml"))
            .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
            .map_err(|error| vec![unreadable(&file, &error)])?;
        let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut found = Findings::of(&file, &text);
        let recipe = parse(&text, &name.unwrap_or_default(), &mut found);
        let mistakes = found.into_vec();
        match recipe {
            Some(recipe) if mistakes.is_empty() => recipe.with_files(dir, read),
            _ => Err(mistakes),
        }
    }

    /// The same with what is in the files that it brings along.
    pub(crate) fn with_files(
        mut self,
        dir: &Path,
        read: &Read<'_>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut mistakes = Vec::new();
        for (name, content) in &mut self.files {
            match read(name) {
                Ok(bytes) => *content = bytes,
                Err(error) => mistakes.push(unreadable(&dir.join(&*name), &error)),
            }
        }
        if mistakes.is_empty() { Ok(self) } else { Err(mistakes) }
    }

    /// The sandbox that a table describes, its files not yet read.
    pub(crate) fn of(mut top: Table<'_>, found: &mut Findings) -> Option<Self> {
        let name = top.line("name", found);
        let title = top.line("title", found);
        let source = top.line("source", found);
        let level = top.word::<Level>("level", found).unwrap_or(Level::Full);
        let layers = layers(&mut top, found);
        let argv = argv(&mut top, found);
        let version = texts(&mut top, "version", found);
        let unsupported = top.value("unsupported").and_then(|_| top.line("unsupported", found));
        let leaves = texts(&mut top, "leaves", found);
        let keeps = keeps(&mut top, found);
        let files = files(&mut top, found);
        let requires = requires(&mut top, found);
        brought(&argv, &files, top.offset(), found);
        top.close(found);
        Some(Self {
            name: name?,
            title: title?,
            source: source?,
            level,
            layers,
            argv,
            version,
            requires,
            files,
            leaves,
            keeps,
            subject: None,
            lacking: unsupported,
        })
    }
}

/// Gives the content of a file beside `target.toml`.
pub(crate) type Read<'a> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'a;

/// The layers that it provides; all of them where it does not say.
fn layers(top: &mut Table<'_>, found: &mut Findings) -> LayerSet {
    if top.value("layers").is_none() {
        return LayerSet::of(&Layer::ALL);
    }
    top.words::<Layer>("layers", found).into_iter().map(|layer| layer.value).collect()
}

fn unreadable(file: &Path, error: &io::Error) -> Diagnostic {
    if error.kind() == io::ErrorKind::NotFound {
        let message = "is to be brought into each lab, and is not there".to_owned();
        let help = "write the file, or leave it out of `files`";
        return Diagnostic::of_file(file, Code::Unreadable, message, help);
    }
    let message = format!("cannot be read: {error}");
    let help = "check that it exists and who may read it";
    Diagnostic::of_file(file, Code::Unreadable, message, help)
}

fn parse(text: &str, folder: &str, found: &mut Findings) -> Option<Recipe> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let help = "correct the line; https://toml.io describes the format".to_owned();
        found.report(offset, Code::Syntax, error.message().to_owned(), help);
    }
    if !errors.is_empty() {
        return None;
    }
    let recipe = Recipe::of(Table::new("the target", 0, root.get_ref()), found)?;
    if recipe.name != folder {
        let message = format!("`name` is `{}`, but the folder is `{folder}`", recipe.name);
        let help = format!("write `name = \"{folder}\"`, or rename the folder");
        found.report(0, Code::IdNotPath, message, help);
    }
    Some(recipe)
}

fn texts(top: &mut Table<'_>, key: &'static str, found: &mut Findings) -> Vec<String> {
    top.texts(key, found).into_iter().map(|text| text.value.to_owned()).collect()
}

/// The command: it must say where the call of the hook goes, and use no variable that nobody
/// fills in.
fn argv(top: &mut Table<'_>, found: &mut Findings) -> Vec<String> {
    let words = top.texts("argv", found);
    let value = top.value("argv");
    top.demanded("argv", value, found);
    for word in &words {
        let Some(start) = word.value.find('{') else { continue };
        let rest = word.value.get(start..).unwrap_or_default();
        let end = rest.find('}').map_or(rest.len(), |end| end + 1);
        let variable = rest.get(..end).unwrap_or_default();
        if !VARIABLES.contains(&variable) {
            let message = format!("unknown variable `{variable}`");
            let help = format!("known: {}", VARIABLES.join(" "));
            found.report(word.offset, Code::BadValue, message, help);
        }
    }
    if !words.is_empty() && !words.iter().any(|word| word.value == "{argv}") {
        let offset = value.map_or(0, |value| value.span().start);
        let message = "`argv` has no word `{argv}`, so the hook would never run".to_owned();
        let help = "add \"{argv}\" where the sandbox expects the command".to_owned();
        found.report(offset, Code::BadValue, message, help);
    }
    words.into_iter().map(|word| word.value.to_owned()).collect()
}

/// What the command takes from the target's folder must be brought along: a lab has nothing of it.
fn brought(argv: &[String], files: &[(PathBuf, Vec<u8>)], offset: usize, found: &mut Findings) {
    let is_file = |name: &str| files.iter().any(|(file, _)| file == Path::new(name));
    let names = argv.iter().filter_map(|word| word.strip_prefix("{target}/"));
    for name in names.filter(|name| !is_file(name)) {
        let message = format!("the command uses `{name}`, which `files` does not name");
        let help = format!("add \"{name}\" to `files`, if there is such a file");
        found.report(offset, Code::BadValue, message, help);
    }
    let first = argv.first().map(String::as_str).unwrap_or_default();
    if first.contains('/') && !first.starts_with(['/', '{']) {
        let name = first.strip_prefix("./").unwrap_or(first);
        let message =
            format!("the command `{first}` is not there in a lab, where builds are tried");
        let help = format!("write \"{{target}}/{name}\", and name \"{name}\" in `files`");
        found.report(offset, Code::BadValue, message, help);
    }
}

fn files(top: &mut Table<'_>, found: &mut Findings) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for name in top.texts("files", found) {
        let path = PathBuf::from(name.value);
        if path.components().all(|part| matches!(part, Component::Normal(_))) {
            files.push((path, Vec::new()));
        } else {
            let message = format!("`{}` is not a file beside target.toml", name.value);
            let help = "name a file in the target's own folder".to_owned();
            found.report(name.offset, Code::BadValue, message, help);
        }
    }
    files
}

/// The places of its records: below a directory of the system, so that no target can blind the
/// harness to everything.
fn keeps(top: &mut Table<'_>, found: &mut Findings) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for name in top.texts("keeps", found) {
        let path = PathBuf::from(name.value);
        let deep = path.components().count() > 2;
        let plain = !path.components().any(|part| part == Component::ParentDir);
        if path.is_absolute() && deep && plain {
            places.push(path);
        } else {
            let message = format!("`{}` is no place for a sandbox's own records", name.value);
            let help = "name its own directory, as `/run/NAME`".to_owned();
            found.report(name.offset, Code::BadValue, message, help);
        }
    }
    places
}

fn requires(top: &mut Table<'_>, found: &mut Findings) -> Vec<Requirement> {
    let mut all = Vec::new();
    for mut table in top.tables("requires", found) {
        let what = table.line("what", found);
        let reason = table.line("reason", found);
        table.close(found);
        all.extend(what.zip(reason).map(|(what, reason)| Requirement { what, reason }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "name = \"box\"\ntitle = \"A box\"\nsource = \"https://box.invalid\"\n\
                          layers = [\"network\"]\nargv = [\"box\", \"--\", \"{argv}\"]\n\
                          files = [\"box.sh\"]\n[[requires]]\nwhat = \"box\"\nreason = \"it is it\"\n";

    fn read(text: &str) -> Result<Recipe, Vec<Diagnostic>> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("box");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("target.toml"), text).unwrap();
        fs::write(folder.join("box.sh"), "exec \"$@\"\n").unwrap();
        Recipe::read(&folder)
    }

    #[test]
    fn a_recipe_says_how_the_sandbox_is_started_and_what_it_promises() {
        let recipe = read(TARGET).unwrap();
        assert_eq!(recipe.argv, ["box", "--", "{argv}"]);
        assert_eq!((recipe.level, recipe.layers), (Level::Full, LayerSet::of(&[Layer::Network])));
        assert_eq!(recipe.files, [("box.sh".into(), b"exec \"$@\"\n".to_vec())]);
    }

    #[test]
    fn a_sandbox_that_does_not_say_what_it_stops_is_held_to_everything() {
        let recipe = read(&TARGET.replace("layers = [\"network\"]\n", "")).unwrap();
        assert_eq!(recipe.layers, LayerSet::of(&Layer::ALL));
    }

    #[test]
    fn every_mistake_is_found_in_one_pass() {
        let text = TARGET
            .replace("\"box\"\n", "\"bocks\"\n")
            .replace("\"network\"", "\"netwrok\"")
            .replace("{argv}", "{arg}")
            .replace("box.sh", "../box.sh");
        let codes: Vec<_> = read(&text).unwrap_err().iter().map(|one| one.code).collect();
        let bad = Code::BadValue;
        // The unknown variable, and that there is no known one for the call.
        assert_eq!(codes, [Code::UnknownLayer, bad, bad, bad, Code::IdNotPath]);
    }

    #[test]
    fn no_target_can_blind_the_harness_to_a_whole_directory_of_the_system() {
        for place in ["/", "/etc", "run/box", "/run/../etc/x"] {
            let text =
                TARGET.replace("[[requires]]", &format!("keeps = [\"{place}\"]\n[[requires]]"));
            let codes: Vec<_> = read(&text).unwrap_err().iter().map(|one| one.code).collect();
            assert_eq!(codes, [Code::BadValue], "{place}");
        }
        let text = TARGET.replace("[[requires]]", "keeps = [\"/run/box\"]\n[[requires]]");
        assert_eq!(read(&text).unwrap().keeps, [PathBuf::from("/run/box")]);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let found = read(&TARGET.replace("box.sh", "other.sh")).unwrap_err();
        assert!(found[0].to_string().contains("box/other.sh: error[E0001]"), "{}", found[0]);
    }
}
