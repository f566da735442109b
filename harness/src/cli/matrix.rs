//! `harness report`: the reports in another form.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use sandbox::UnknownWord;

use super::exit::Exit;
use super::failure::Failure;
use super::views::Views;
use super::workspace::{Workspace, library};
use super::{Places, World};
use crate::report::publish::publish;
use crate::report::redact::Canaries;
use crate::report::schema::Report;
use crate::report::{github, junit, matrix, sarif, svg};

/// Print the reports in another form
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The form
    #[arg(long, value_enum, default_value_t = Form::Md)]
    format: Form,
    /// The lab profile that a picture is of
    #[arg(long, default_value = super::wanted::HOST)]
    host: String,
    /// Write the views into the workspace's reports/, from the reports that are there
    #[arg(long, conflicts_with_all = ["dir", "format"])]
    update: bool,
    /// The folder of the reports [default: the workspace's reports/]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Tables in Markdown
    Md,
    /// A picture of the matrix
    Svg,
    /// One page that holds everything
    Html,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// XML as `JUnit` has it
    Junit,
    /// Annotations of GitHub, as workflow commands
    Github,
    /// A step summary of GitHub
    Summary,
}

/// Runs it.
pub(super) fn command(args: &ReportArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &Places::default())?;
    if args.update {
        return update(&workspace, world);
    }
    let reports = match &args.dir {
        Some(dir) => written(&world.here.join(dir))?,
        None => workspace.known_reports()?,
    };
    let text = match args.format {
        Form::Md => matrix::render(&reports),
        Form::Svg => svg::render(&reports, known_host(&args.host, &reports)?),
        Form::Html => page(&reports, &workspace)?,
        Form::Sarif => sarif::render(&reports),
        Form::Junit => junit::render(&reports),
        Form::Github => github::annotations(&reports),
        Form::Summary => {
            github::summary(&reports, &workspace.known_reports()?, &workspace.catalogue()?)
        }
    };
    world.say(&text)?;
    Ok(Exit::Ok)
}

/// Writes what lies beside the committed reports.
fn update(workspace: &Workspace, world: &mut World<'_>) -> Result<Exit, Failure> {
    let dir = workspace.demanded_reports()?;
    let (catalogue, ablations) = (workspace.catalogue()?, workspace.known_ablations()?);
    let attacks = workspace.attack_pages();
    let views = Views { catalogue: &catalogue, ablations: &ablations, attacks: attacks.as_deref() };
    let pages = views.pages(&dir, &written(&dir)?)?;
    publish(&pages, &Canaries::default())?;
    for page in &pages {
        let shown = page.file.strip_prefix(&dir).unwrap_or(&page.file);
        world.say(&format!("wrote {}\n", shown.display()))?;
    }
    Ok(Exit::Ok)
}

/// The page for a reviewer. Nobody knows where it will lie, so it links to no file.
fn page(reports: &[Report], workspace: &Workspace) -> Result<String, Failure> {
    let (catalogue, ablations) = (workspace.catalogue()?, workspace.known_ablations()?);
    let views = Views { catalogue: &catalogue, ablations: &ablations, attacks: None };
    views.html(reports, None)
}

/// The reports in a folder, which must hold some.
fn written(dir: &Path) -> Result<Vec<Report>, Failure> {
    let reports = library(dir)?;
    if reports.is_empty() { Err(Failure::NoReport { dir: dir.to_owned() }) } else { Ok(reports) }
}

/// A host of which there is a report.
fn known_host<'r>(host: &'r str, reports: &[Report]) -> Result<&'r str, Failure> {
    let mut known: Vec<_> = reports.iter().map(|report| report.host.as_str()).collect();
    known.dedup();
    if known.contains(&host) {
        return Ok(host);
    }
    Err(UnknownWord::new("host in these reports", host, &known).into())
}
