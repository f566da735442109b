//! `harness init`: what a repository needs to have its own sandbox tried.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::World;
use super::exit::Exit;
use super::failure::Failure;
use super::settings::FILE;
use crate::report::publish::{Page, publish};
use crate::report::redact::Canaries;

const SETTINGS: &str = include_str!("init/harness.toml");
const GITHUB: &str = include_str!("init/github.yml");
const GITLAB: &str = include_str!("init/gitlab.yml");

/// Write what this repository needs to have its own sandbox tried
///
/// That is harness.toml, which says how the sandbox is started, which attacks are tried and on which
/// hosts, and a file for CI. Neither is written over. After that `harness run` tries the sandbox.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  harness init -- ./isolate.sh {argv}
  harness init --name cage --ci gitlab -- bwrap --unshare-all --ro-bind / / -- {argv}")]
pub(super) struct InitArgs {
    /// What the sandbox is called in reports
    #[arg(long, default_value = "mine")]
    name: String,
    /// For which CI service
    #[arg(long, value_enum, default_value_t = Service::Github)]
    ci: Service,
    /// The command of the sandbox; `{argv}` stands for the call of the build hook [default: no sandbox]
    ///
    /// A first word that is a file here is brought into each lab.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// A CI service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Service {
    /// GitHub Actions: .github/workflows/harness.yml
    Github,
    /// GitLab CI: .gitlab-ci.yml
    Gitlab,
    /// None
    None,
}

/// Runs it.
pub(super) fn command(args: &InitArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    if let Some(file) = absent(args, &world.here) {
        return Err(Failure::NoScript { file: file.to_owned() });
    }
    let mut pages = vec![Page { file: world.here.join(FILE), text: settings(args, &world.here) }];
    let version = |text: &str| text.replace("{version}", env!("CARGO_PKG_VERSION"));
    match args.ci {
        Service::Github => pages.push(Page {
            file: world.here.join(".github/workflows/harness.yml"),
            text: version(GITHUB),
        }),
        Service::Gitlab => {
            let file = world.here.join(".gitlab-ci.yml");
            pages.push(Page { file, text: version(GITLAB) });
        }
        Service::None => {}
    }
    if let Some(page) = pages.iter().find(|page| page.file.exists()) {
        return Err(Failure::There { file: page.file.clone() });
    }
    publish(&pages, &Canaries::default())?;
    let mut text = String::new();
    for page in &pages {
        let shown = page.file.strip_prefix(&world.here).unwrap_or(&page.file);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "wrote {}", shown.display());
    }
    if args.command.is_empty() {
        let _ = writeln!(text, "No sandbox is named yet: put its command into `argv` of {FILE}.");
    }
    text.push_str("Next: harness doctor, then harness run\n");
    world.say(&text)?;
    Ok(Exit::Ok)
}

/// The script that the command begins with, if it is to lie here and does not.
fn absent<'a>(args: &'a InitArgs, here: &Path) -> Option<&'a Path> {
    let first = args.command.first().filter(|word| !word.starts_with('{'))?;
    let is_path = first.contains('/') && !first.starts_with('/');
    (is_path && !here.join(first).is_file()).then_some(Path::new(first))
}

fn settings(args: &InitArgs, here: &Path) -> String {
    let mut command = args.command.clone();
    let mut files: Vec<PathBuf> = Vec::new();
    if let Some(first) = command.first_mut() {
        let name = Path::new(first.as_str()).strip_prefix(".").unwrap_or(Path::new(first));
        if name.is_relative() && here.join(name).is_file() {
            files.push(name.to_owned());
            *first = format!("{{target}}/{}", name.display());
        }
    }
    if !command.iter().any(|word| word == "{argv}") {
        command.push("{argv}".to_owned());
    }
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    SETTINGS
        .replace("{name}", &quoted(&args.name))
        .replace("{files}", &array(&files))
        .replace("{command}", &array(&command))
}

fn array(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
