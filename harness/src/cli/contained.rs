//! What a command that opens labs needs from outside of the container that it is put into.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::failure::Failure;
use super::workspace::Workspace;
use super::{Cli, Command, Places, World, debug, run};

/// What is needed.
#[derive(Debug)]
pub struct Needs {
    /// The interpreter that builds, if not `python3`.
    pub python: Option<PathBuf>,
    /// The folders that it writes to; they are there.
    pub folders: Vec<PathBuf>,
    /// What was made so that they are there, the outer ones first.
    pub made: Vec<PathBuf>,
}

impl Drop for Needs {
    fn drop(&mut self) {
        for dir in self.made.iter().rev() {
            // One in which something was written stays.
            let _stays = fs::remove_dir(dir);
        }
    }
}

/// What the command line `args` needs; nothing if it opens no lab, or means nothing.
///
/// # Errors
/// The exit status, when a folder cannot be written to; it is said which and why.
pub fn needs(args: &[OsString], world: &mut World<'_>) -> Result<Option<Needs>, u8> {
    let Ok(cli) = Cli::try_parse_from(args) else { return Ok(None) };
    let needs = match &cli.command {
        Command::Run(args) => {
            let out = Some((args.out.as_deref(), &args.places));
            written(world, args.python.clone(), out, args.update)
        }
        Command::Ablate(args) => {
            let out = Some((args.out.as_deref(), &args.places));
            written(world, args.python.clone(), out, args.update)
        }
        Command::Debug(args) => kept(world, args.python.clone(), args.keep.as_deref()),
        Command::Verify(args) => written(world, args.python.clone(), None, false),
        Command::Doctor(args) => written(world, args.python.clone(), None, false),
        _ => return Ok(None),
    };
    needs.map(Some).map_err(|failure| world.complain(&failure).code())
}

/// What a command needs that writes into a folder of results, and with `update` into that of the reports.
fn written(
    world: &World<'_>,
    python: Option<PathBuf>,
    out: Option<(Option<&Path>, &Places)>,
    update: bool,
) -> Result<Needs, Failure> {
    let mut needs = Needs::of(python);
    let Some((out, places)) = out else { return Ok(needs) };
    let workspace = Workspace::around(&world.here, places)?;
    let reports = if update { Some(workspace.demanded_reports()?) } else { None };
    let out = out.map_or_else(|| workspace.out(), |out| world.here.join(out));
    run::can_be_written(&out)?;
    for dir in [out].into_iter().chain(reports) {
        needs.add(&dir, 0o755).map_err(|source| Failure::Document { file: dir, source })?;
    }
    Ok(needs)
}

/// What a command needs that keeps what a trial wrote.
fn kept(world: &World<'_>, python: Option<PathBuf>, keep: Option<&Path>) -> Result<Needs, Failure> {
    let mut needs = Needs::of(python);
    if let Some(dir) = keep.map(|dir| world.here.join(dir)) {
        let ready = needs.add(&dir, 0o700).and_then(|()| debug::keep::ready(&dir));
        ready.map_err(|source| Failure::Document { file: dir, source })?;
    }
    Ok(needs)
}

impl Needs {
    const fn of(python: Option<PathBuf>) -> Self {
        Self { python, folders: Vec::new(), made: Vec::new() }
    }

    /// Adds a folder; it and those above it are made where they are missing.
    fn add(&mut self, dir: &Path, mode: u32) -> io::Result<()> {
        if fs::canonicalize(dir).is_ok_and(|dir| dir == Path::new("/")) {
            return Err(io::Error::other(
                "it is the root of this machine; name a folder of its own",
            ));
        }
        let mut missing: Vec<_> =
            dir.ancestors().take_while(|dir| dir.symlink_metadata().is_err()).collect();
        missing.reverse();
        for dir in missing {
            match fs::DirBuilder::new().mode(mode).create(dir) {
                Ok(()) => self.made.push(dir.to_owned()),
                // By another name, as `new/..`, it was made just now.
                Err(_there) if dir.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        self.folders.push(dir.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_for_a_command_and_holds_nothing_goes() {
        let place = tempfile::tempdir().unwrap();
        let [empty, full] = ["a/b/c", "d/e"].map(|name| place.path().join(name));
        let mut needs = Needs::of(None);
        needs.add(&empty, 0o755).unwrap();
        needs.add(&full, 0o755).unwrap();
        assert_eq!(needs.folders, [empty, full.clone()]);
        fs::write(full.join("file"), "").unwrap();
        drop(needs);
        assert!(!place.path().join("a").exists() && full.join("file").exists());
    }
}
