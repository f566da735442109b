//! A sandbox that is a command: its words, its files, and whether this machine has it.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::layout::PATH;
use crate::lab::outside;
use crate::lab::staging::TARGET;
use crate::recipe::Recipe;
use crate::redact;

/// No name of a subject is longer.
const SUBJECT: usize = 80;

/// The command as the recipe has it; the front end fills in the variables.
#[must_use]
pub fn prefix(recipe: &Recipe) -> Vec<String> {
    recipe.argv.clone()
}

/// Its files, relative to the front end's directory.
#[must_use]
pub fn files(recipe: &Recipe) -> Vec<(PathBuf, Vec<u8>)> {
    let place =
        |(name, content): &(PathBuf, Vec<u8>)| (Path::new(TARGET).join(name), content.clone());
    recipe.files.iter().map(place).collect()
}

/// The same recipe with what this machine says of it: the version, or what is lacking.
#[must_use]
pub fn examined(mut recipe: Recipe) -> Recipe {
    let absent = recipe.requires.iter().find_map(|need| {
        (!is_there(&need.what)).then(|| format!("there is no `{}`: {}", need.what, need.reason))
    });
    recipe.lacking = recipe.lacking.or(absent);
    recipe.subject = match &recipe.lacking {
        None => version(&recipe.version),
        Some(_) => None,
    };
    recipe
}

/// Whether a program is in the lab's search path, or a file at an absolute path.
fn is_there(what: &str) -> bool {
    if what.starts_with('/') {
        return Path::new(what).exists();
    }
    PATH.split(':').any(|dir| Path::new(dir).join(what).is_file())
}

/// The first line that the command prints.
fn version(argv: &[String]) -> Option<String> {
    let (program, rest) = argv.split_first()?;
    let mut command = Command::new(program);
    command.args(rest).env("PATH", PATH);
    let output = outside::answer(&mut command, outside::SOON).ok()?;
    let text = redact::plain(&output.stdout);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(SUBJECT).collect())
}

#[cfg(test)]
mod tests {
    use sandbox::Level;

    use super::*;
    use crate::recipe::Requirement;

    fn recipe(what: &str) -> Recipe {
        let requirement = Requirement { what: what.to_owned(), reason: "install it".to_owned() };
        let version = ["sh", "-c", "echo; echo '\u{1b}[1mbox 2.1'; echo more"];
        Recipe {
            version: version.map(str::to_owned).to_vec(),
            requires: vec![requirement],
            ..Recipe::bare("box", Level::Full)
        }
    }

    #[test]
    fn the_subject_is_the_first_line_that_the_program_prints_about_itself() {
        let found = examined(recipe("sh"));
        assert_eq!((found.subject.as_deref(), found.lacking), (Some("box 2.1"), None));
    }

    #[test]
    fn what_is_not_there_is_told_with_the_remedy() {
        let found = examined(recipe("no-such-program"));
        let sentence = "there is no `no-such-program`: install it";
        assert_eq!((found.subject, found.lacking.as_deref()), (None, Some(sentence)));
    }
}
