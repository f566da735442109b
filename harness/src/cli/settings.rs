//! `harness.toml`: what a repository wants tried, and how its own sandbox is started.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::wanted::{Host, Wanted};
use crate::catalogue::diagnostic::{Code, Diagnostic, Findings};
use crate::catalogue::manifest::Table;
use crate::recipe::Recipe;
use crate::schedule::filter::Filter;

/// Its name.
pub(super) const FILE: &str = "harness.toml";

/// What it says. Every key is the option of that name, and the option is preferred.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The sandboxes to try; those that the file describes where it names none.
    pub(super) target: Vec<Wanted>,
    /// The hosts on which they are tried.
    pub(super) host: Vec<Host>,
    /// Which attacks.
    pub(super) expression: Option<Filter>,
    /// Whether every escape is a failure.
    pub(super) deny_escapes: bool,
    /// Folders of further attacks, relative to the file.
    pub(super) catalogue: Vec<PathBuf>,
    /// Folders of further sandboxes, relative to the file.
    pub(super) targets: Vec<PathBuf>,
    /// The folder of the committed reports, relative to the file.
    pub(super) reports: PathBuf,
    /// Whether what the program carries is used.
    pub(super) builtin: bool,
    /// The sandboxes that it describes, in the words of `target.toml`; their files lie beside it.
    pub(super) sandboxes: Vec<Recipe>,
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub(super) fn read(file: &Path) -> Result<Self, Vec<Diagnostic>> {
        let text = fs::read_to_string(file).map_err(|error| {
            let message = format!("cannot be read: {error}");
            let help = "check that it is text and who may read it";
            vec![Diagnostic::of_file(file, Code::Unreadable, message, help)]
        })?;
        let mut found = Findings::of(file, &text);
        let settings = parse(&text, &mut found);
        if found.is_empty() { Ok(settings) } else { Err(found.into_vec()) }
    }
}

fn parse(text: &str, found: &mut Findings) -> Settings {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let help = "correct the line; https://toml.io describes the format".to_owned();
        found.report(offset, Code::Syntax, error.message().to_owned(), help);
    }
    let empty = DeTable::new();
    // What could be read of a broken file would only give rise to false complaints.
    let entries = if errors.is_empty() { root.get_ref() } else { &empty };
    let mut top = Table::new("the file", 0, entries);
    let target = top.texts("target", found).into_iter().filter_map(|text| text.value.parse().ok());
    let target = target.collect();
    let host = hosts(&mut top, found);
    let expression = expression(&mut top, found);
    let deny_escapes = top.flag("deny-escapes", found);
    let catalogue = folders(&mut top, "catalogue", found);
    let targets = folders(&mut top, "targets", found);
    let reports = top.text("reports", found).map_or("harness-reports", |text| text.value).into();
    let builtin = top.value("builtin").is_none() || top.flag("builtin", found);
    let mut sandboxes: Vec<Recipe> = Vec::new();
    for table in top.tables("sandbox", found) {
        let offset = table.offset();
        let Some(recipe) = Recipe::of(table, found) else { continue };
        if sandboxes.iter().any(|one| one.name == recipe.name) {
            let message = format!("there are two sandboxes `{}`", recipe.name);
            found.report(offset, Code::BadValue, message, "rename one of them".to_owned());
        }
        sandboxes.push(recipe);
    }
    top.close(found);
    Settings {
        target,
        host,
        expression,
        deny_escapes,
        catalogue,
        targets,
        reports,
        builtin,
        sandboxes,
    }
}

fn hosts(top: &mut Table<'_>, found: &mut Findings) -> Vec<Host> {
    let mut hosts = Vec::new();
    for text in top.texts("host", found) {
        match text.value.parse::<Host>() {
            Ok(host) => hosts.push(host),
            Err(error) => {
                let help = "`harness run --help` lists the hosts".to_owned();
                found.report(text.offset, Code::BadValue, error.to_string(), help);
            }
        }
    }
    hosts
}

fn expression(top: &mut Table<'_>, found: &mut Findings) -> Option<Filter> {
    let text = top.text("expression", found)?;
    match text.value.parse::<Filter>() {
        Ok(filter) => Some(filter),
        Err(error) => {
            let help = "`harness run --help` explains expressions".to_owned();
            found.report(text.offset, Code::BadValue, error.to_string(), help);
            None
        }
    }
}

fn folders(top: &mut Table<'_>, key: &'static str, found: &mut Findings) -> Vec<PathBuf> {
    top.texts(key, found).into_iter().map(|text| PathBuf::from(text.value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, Vec<Diagnostic>> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        fs::write(&file, text).unwrap();
        Settings::read(&file)
    }

    #[test]
    fn an_empty_file_wants_all_that_is_carried_and_denies_nothing() {
        let settings = read("").unwrap();
        assert!(settings.builtin && !settings.deny_escapes && settings.expression.is_none());
        assert_eq!(settings.reports, Path::new("harness-reports"));
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let text = "host = [\"roott\"]\nexpression = \"secrets/ &\"\nbuiltin = 1\nhosts = []\n\
                    [[sandbox]]\nname = \"box\"\ntitle = \"A box\"\nsource = \"box\"\n\
                    argv = [\"box\"]\n";
        let found = read(text).unwrap_err();
        let codes: Vec<_> = found.iter().map(|one| one.code).collect();
        let bad = Code::BadValue;
        assert_eq!(codes, [bad, bad, Code::WrongType, bad, Code::UnknownKey], "{found:?}");
    }

    #[test]
    fn a_broken_file_is_one_mistake() {
        let codes: Vec<_> = read("host = [").unwrap_err().iter().map(|one| one.code).collect();
        assert_eq!(codes, [Code::Syntax]);
    }
}
