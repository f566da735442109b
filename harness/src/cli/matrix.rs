//! `harness report`: the reports in another form.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::World;
use super::exit::Exit;
use super::failure::Failure;
use super::workspace::{Workspace, library};
use crate::report::{github, html, junit, matrix, sarif, svg};

/// Print the reports in another form
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The form
    #[arg(long, value_enum, default_value_t = Form::Md)]
    format: Form,
    /// The lab profile that a picture is of
    #[arg(long, default_value = super::wanted::HOST)]
    host: String,
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
    let dir = match &args.dir {
        Some(dir) => world.here.join(dir),
        None => Workspace::around(&world.here).demanded_reports()?,
    };
    let reports = library(&dir)?;
    let text = match args.format {
        Form::Md => matrix::render(&reports),
        Form::Svg => svg::render(&reports, &args.host),
        Form::Html => html::render(&reports),
        Form::Sarif => sarif::render(&reports),
        Form::Junit => junit::render(&reports),
        Form::Github => github::annotations(&reports),
        Form::Summary => github::summary(&reports),
    };
    world.say(&text)?;
    Ok(Exit::Ok)
}
