//! Where packages come from: this machine's own sources of Debian, for any suite.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::trouble::{Trouble, at, run};

/// What signs every suite.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The two archives that apt is configured with.
pub struct Mirrors {
    release: String,
    main: String,
    security: Option<String>,
}

impl Mirrors {
    /// Asks apt, whatever form its sources have.
    pub fn of_this_machine() -> Result<Self, Trouble> {
        let path = Path::new("/etc/os-release");
        let system = at(path, fs::read_to_string(path))?;
        let value = |name: &str| {
            let line = system.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        let release = value("VERSION_CODENAME=");
        if value("ID=") != "debian" {
            return Err(Trouble::NoMirror(release));
        }
        let format = "$(REPO_URI) $(RELEASE)";
        let words = ["indextargets", "--format", format, "Identifier: Packages"];
        let targets = run(Command::new("apt-get").args(words))?;
        let of = |suite: &str| {
            let mut pairs = targets.lines().filter_map(|line| line.split_once(' '));
            pairs.find(|(_, known)| *known == suite).map(|(address, _)| address.to_owned())
        };
        let security = of(&format!("{release}-security"));
        let Some(main) = of(&release) else { return Err(Trouble::NoMirror(release)) };
        Ok(Self { release, main, security })
    }

    /// This machine's own release, as `bookworm`.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The archive without its security updates, for debootstrap.
    pub fn main(&self) -> &str {
        &self.main
    }
}

/// apt with lists of its own, which knows one suite and nothing of this machine's packages.
pub struct Suite {
    directory: PathBuf,
}

impl Suite {
    /// Fetches the lists of a suite, and of its security updates where it has them.
    pub fn open(mirrors: &Mirrors, suite: &str, work: &Path) -> Result<Self, Trouble> {
        let directory = work.join("apt").join(suite);
        at(&directory, fs::create_dir_all(directory.join("lists/partial")))?;
        let line = |mirror: &str, suite: &str| {
            format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n")
        };
        let mut sources = vec![line(&mirrors.main, suite)];
        let updated = suite != "sid" && !suite.contains('-');
        if let Some(security) = mirrors.security.as_ref().filter(|_| updated) {
            sources.push(line(security, &format!("{suite}-security")));
        }
        at(&directory, fs::write(directory.join("sources.list"), sources.concat()))?;
        let opened = Self { directory };
        run(opened.apt("apt-get").arg("update"))?;
        Ok(opened)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let place = self.directory.display();
        for option in [
            format!("Dir::Etc::sourcelist={place}/sources.list"),
            format!("Dir::Etc::sourceparts={place}/none"),
            format!("Dir::State::lists={place}/lists"),
            format!("Dir::Cache::pkgcache={place}/packages.bin"),
            format!("Dir::Cache::srcpkgcache={place}/sources.bin"),
            "Dir::State::status=/dev/null".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "APT::Architecture=amd64".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command
    }

    /// The names of all packages that begin so.
    pub fn names(&self, beginning: &str) -> Result<Vec<String>, Trouble> {
        let names = run(self.apt("apt-cache").args(["pkgnames", beginning]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// The packages that one needs, whatever they are.
    pub fn needs(&self, package: &str) -> Result<Vec<String>, Trouble> {
        let words = ["depends", "--important", package];
        let lines = run(self.apt("apt-cache").args(words))?;
        let needed = lines.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(needed.map(str::to_owned).collect())
    }

    /// Fetches a package and unpacks it into `into`.
    pub fn unpack(&self, package: &str, into: &Path) -> Result<(), Trouble> {
        let fetched = at(&self.directory, tempfile::tempdir_in(&self.directory))?;
        run(self.apt("apt-get").args(["download", package]).current_dir(fetched.path()))?;
        for file in at(fetched.path(), fs::read_dir(fetched.path()))? {
            let file = at(fetched.path(), file)?.path();
            run(Command::new("dpkg").arg("-x").arg(file).arg(into))?;
        }
        Ok(())
    }
}
