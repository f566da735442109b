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
    /// The folders that it writes to.
    pub folders: Vec<PathBuf>,
    /// Those of them, and of the ones above them, that are not there yet, the outer ones first.
    pub missing: Vec<PathBuf>,
    /// Their permission bits.
    mode: u32,
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
        needs.add(&dir).map_err(|source| Failure::Document { file: dir, source })?;
    }
    Ok(needs)
}

/// What a command needs that keeps what a trial wrote.
fn kept(world: &World<'_>, python: Option<PathBuf>, keep: Option<&Path>) -> Result<Needs, Failure> {
    let mut needs = Needs::of(python);
    if let Some(dir) = keep.map(|dir| world.here.join(dir)) {
        needs.mode = 0o700;
        let is_there = dir.symlink_metadata().is_ok();
        if !is_there {
            run::can_be_written(&dir)?;
        }
        let ready = if is_there { debug::keep::ready(&dir) } else { Ok(()) };
        let added = ready.and_then(|()| needs.add(&dir));
        added.map_err(|source| Failure::Document { file: dir, source })?;
    }
    Ok(needs)
}

impl Needs {
    const fn of(python: Option<PathBuf>) -> Self {
        Self { python, folders: Vec::new(), missing: Vec::new(), mode: 0o755 }
    }

    /// Adds a folder.
    fn add(&mut self, dir: &Path) -> io::Result<()> {
        if fs::canonicalize(dir).is_ok_and(|dir| dir == Path::new("/")) {
            return Err(io::Error::other(
                "it is the root of this machine; name a folder of its own",
            ));
        }
        let above: Vec<_> =
            dir.ancestors().take_while(|dir| dir.symlink_metadata().is_err()).collect();
        self.missing.extend(above.into_iter().rev().map(Path::to_owned));
        self.folders.push(dir.to_owned());
        Ok(())
    }

    /// Makes what is missing. Whoever calls this has seen to it that it goes again where it stays empty.
    ///
    /// # Errors
    /// Those of mkdir(2).
    pub fn make(&self) -> io::Result<()> {
        for dir in &self.missing {
            match fs::DirBuilder::new().mode(self.mode).create(dir) {
                Ok(()) => {}
                // By another name, as `new/..`, it was made just now.
                Err(_there) if dir.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_made_once_by_whatever_name() {
        let place = tempfile::tempdir().unwrap();
        let [deep, back] = ["a/b/c", "d/../e"].map(|name| place.path().join(name));
        let mut needs = Needs::of(None);
        needs.add(&deep).unwrap();
        needs.add(&back).unwrap();
        assert!(!place.path().join("a").exists() && !place.path().join("d").exists());
        needs.make().unwrap();
        assert!(deep.is_dir() && place.path().join("e").is_dir());
        assert_eq!(needs.folders, [deep, back]);
        assert!(needs.missing.contains(&place.path().join("a")));
        assert!(needs.add(Path::new("/")).is_err());
    }
}
