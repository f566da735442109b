//! The root directories of machines, the programs that are tried there, and their disks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::suites::Mirrors;
use crate::trouble::{Trouble, at, run};

/// A system that a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// This machine's own release with a first process of a few lines; up within seconds.
    Small,
    /// Debian 13 with systemd.
    Systemd,
}

impl System {
    /// The name of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Systemd => "systemd",
        }
    }

    /// Never older than this machine's, so that programs that are linked here run there.
    fn suite(self, mirrors: &Mirrors) -> &str {
        match self {
            Self::Small => mirrors.release(),
            Self::Systemd => "trixie",
        }
    }

    /// What the tests and trials call there, beside the smallest Debian.
    const fn packages(self) -> &'static str {
        match self {
            Self::Small => {
                "python3,python3-dev,python3-venv,gcc,libc6-dev,util-linux,passwd,procps,iproute2"
            }
            Self::Systemd => {
                "python3,python3-venv,python3-dev,gcc,libc6-dev,util-linux,passwd,procps,iproute2,\
                 systemd-sysv,dbus,dbus-user-session,libpam-systemd,udev,login,apparmor"
            }
        }
    }

    /// The first process.
    pub const fn init(self) -> &'static str {
        match self {
            Self::Small => "root.init=/opt/machines/init",
            Self::Systemd => "root.init=/sbin/init",
        }
    }

    /// Makes the disk with this system, unless it lies there already.
    pub fn disk(self, mirrors: &Mirrors, work: &Path, guest: &Path) -> Result<PathBuf, Trouble> {
        let directory = work.join("roots").join(self.name());
        let disk = work.join("roots").join(format!("{}.disk", self.name()));
        if disk.exists() {
            return Ok(disk);
        }
        let _ = fs::remove_dir_all(&directory);
        at(&directory, fs::create_dir_all(&directory))?;
        let include = format!("--include={}", self.packages());
        let mut make = Command::new("debootstrap");
        make.args(["--variant=minbase", &include, self.suite(mirrors)]).arg(&directory);
        run(make.arg(mirrors.main()))?;
        let user = ["useradd", "--create-home", "--shell", "/bin/bash", "--uid", "1000", "user"];
        run(Command::new("chroot").arg(&directory).args(user))?;
        at(&directory, fs::write(directory.join("etc/hostname"), "machine\n"))?;
        for cache in ["var/cache/apt", "var/lib/apt/lists"] {
            let _ = fs::remove_dir_all(directory.join(cache));
        }
        if self == Self::Systemd {
            let units = directory.join("etc/systemd/system");
            at(&units, fs::copy(guest.join("agent.service"), units.join("agent.service")))?;
            run(Command::new("chroot").arg(&directory).args([
                "systemctl",
                "enable",
                "agent.service",
            ]))?;
            // Nothing may begin while something else is timed.
            let timers = ["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer"];
            run(Command::new("chroot").arg(&directory).args(["systemctl", "mask"]).args(timers))?;
        }
        let partial = disk.with_extension("partial");
        let mut write = Command::new("mke2fs");
        write.args(["-q", "-F", "-t", "ext4", "-d"]).arg(&directory).arg(&partial);
        run(write.arg("2G"))?;
        at(&disk, fs::rename(&partial, &disk))?;
        Ok(disk)
    }
}

/// Makes an empty file system for working directories, unless it lies there already.
pub fn empty_disk(kind: &str, work: &Path) -> Result<PathBuf, Trouble> {
    let disk = work.join("roots").join(format!("{kind}.disk"));
    if !disk.exists() {
        let partial = disk.with_extension("partial");
        let file = at(&partial, fs::File::create(&partial))?;
        at(&partial, file.set_len(400 << 20))?;
        run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&partial))?;
        at(&disk, fs::rename(&partial, &disk))?;
    }
    Ok(disk)
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What hosts are worth.
    Hosts,
    /// Tests of confinement too.
    Tests,
    /// Trials of the harness instead.
    Trials,
    /// Tests of the lab instead.
    Lab,
    /// All of these.
    Whole,
}

impl Scope {
    /// Whether tests of confinement are run.
    pub const fn tests(self) -> bool {
        matches!(self, Self::Tests | Self::Whole)
    }

    /// Whether the harness is run.
    pub const fn trials(self) -> bool {
        matches!(self, Self::Trials | Self::Whole)
    }

    /// Whether tests of the lab are run.
    pub const fn lab(self) -> bool {
        matches!(self, Self::Lab | Self::Whole)
    }

    /// Whether the harness is needed, with what calls its builds.
    const fn harness(self) -> bool {
        self.trials() || self.lab()
    }

    /// The tests that are built, and the programs that these start.
    fn built(self) -> Vec<&'static str> {
        let confinement = ["confinement", "bulkhead"];
        let lab = ["lab", "trust", "harness"];
        let tests = confinement.into_iter().filter(|_| self.tests());
        tests.chain(lab.into_iter().filter(|_| self.lab())).collect()
    }
}

/// What is tried: programs, tests, the scripts for them, and the catalogue.
pub struct Load {
    /// The disk that a machine mounts at `/opt`.
    pub disk: PathBuf,
    /// Where tests look for the programs that they start.
    pub programs: PathBuf,
    /// Where they look for the checkout.
    pub checkout: PathBuf,
}

impl Load {
    /// Builds everything and makes the disk anew, with a further program where one is given.
    pub fn build(
        checkout: &Path,
        work: &Path,
        tried: Option<&Path>,
        scope: Scope,
    ) -> Result<Self, Trouble> {
        let place = at(work, tempfile::tempdir_in(work))?;
        let into = place.path().join("machines");
        at(&into, fs::create_dir_all(into.join("scripts")))?;
        let programs = [("sandbox", "bulkhead"), ("harness", "harness")];
        for (package, name) in programs.into_iter().take(if scope.harness() { 2 } else { 1 }) {
            run(cargo(checkout).args(["build", "--release", "-p", package]))?;
            let built = checkout.join("target/release").join(name);
            at(&built, fs::copy(&built, into.join(name)))?;
        }
        if scope.harness() {
            cache_front_end(checkout, &into.join("cache"))?;
        }
        if let Some(tried) = tried {
            at(tried, fs::copy(tried, into.join("tried")))?;
        }
        let mut programs = PathBuf::new();
        for (name, built) in build_tests(checkout, &scope.built())? {
            run(Command::new("strip").arg("-o").arg(into.join(in_machines(name))).arg(&built))?;
            if PROGRAMS.contains(&name) {
                built.parent().unwrap_or(&built).clone_into(&mut programs);
            }
        }
        let folders = [("tests/machines/guest", "."), ("tests/engines/scripts", "scripts")];
        for (from, to) in folders {
            let from = checkout.join(from);
            for file in at(&from, fs::read_dir(&from))? {
                let file = at(&from, file)?.path();
                let name = file.file_name().unwrap_or_default();
                if file.is_file() {
                    at(&file, fs::copy(&file, into.join(to).join(name)))?;
                }
            }
        }
        copy_checkout(checkout, &place.path().join("checkout"))?;
        let disk = work.join("load.disk");
        let mut write = Command::new("mke2fs");
        write.args(["-q", "-F", "-t", "ext4", "-d"]).arg(place.path()).arg(&disk);
        run(write.arg("512M"))?;
        Ok(Self { disk, programs, checkout: checkout.to_owned() })
    }
}

/// As `.ci/run` calls it, so that what it has built is not built again.
fn cargo(checkout: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(checkout).env("CARGO_PROFILE_RELEASE_LTO", "off");
    command
}

/// Has the harness fetch what calls the builds into a cache, for machines have no network.
fn cache_front_end(checkout: &Path, cache: &Path) -> Result<(), Trouble> {
    let mut harness = Command::new(checkout.join("target/release/harness"));
    run(harness.arg("doctor").env("XDG_CACHE_HOME", cache))?;
    if cache.join("bulkhead").is_dir() {
        return Ok(());
    }
    let what = "python3 has a pyproject_hooks of its own, so the harness fetched none; put another \
                interpreter first in PATH";
    Err(Trouble::Found(what.to_owned()))
}

/// The programs of the project.
const PROGRAMS: [&str; 2] = ["bulkhead", "harness"];

/// How what cargo has built for tests is called in a machine: a program of theirs is another one
/// than that of its name, for it is built without optimisation.
pub fn in_machines(name: &str) -> String {
    if PROGRAMS.contains(&name) { format!("{name}-of-tests") } else { name.to_owned() }
}

/// Builds tests and the programs that they start; gives where each lies.
fn build_tests<'a>(checkout: &Path, names: &[&'a str]) -> Result<Vec<(&'a str, PathBuf)>, Trouble> {
    let tests = names.iter().filter(|name| !PROGRAMS.contains(name));
    let words: Vec<_> = tests.flat_map(|name| ["--test", name]).collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut build = cargo(checkout);
    build.args(["test", "--workspace", "--no-run", "--message-format=json"]).args(words);
    let told = run(&mut build)?;
    let executables = told.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let name = message.get("target")?.get("name")?.as_str()?.to_owned();
        Some((name, PathBuf::from(message.get("executable")?.as_str()?)))
    });
    let executables: Vec<_> = executables.collect();
    let find = |wanted: &&'a str| {
        let found = executables.iter().find(|(name, _)| name == wanted);
        let missing = || Trouble::Found(format!("cargo has not told where `{wanted}` is"));
        found.map(|(_, path)| (*wanted, path.clone())).ok_or_else(missing)
    };
    names.iter().map(find).collect()
}

/// Copies what git knows of the checkout: the catalogue and the committed reports are in it.
fn copy_checkout(checkout: &Path, into: &Path) -> Result<(), Trouble> {
    at(into, fs::create_dir_all(into))?;
    let copy = "git ls-files -z | tar --null -T - -cf - | tar -C \"$1\" -xf -";
    run(Command::new("/bin/sh").args(["-ec", copy, "sh"]).arg(into).current_dir(checkout))?;
    Ok(())
}
