//! Which grants are proposed to a caller: the one place at which that is decided.
//!
//! What a build asks for is its own choice, so that nothing is proposed that the caller would regret:
//! no home and nothing that holds one, nothing that may be a secret or in which one lies, no place from
//! which the host starts programs. All of that is asked of the path without links, for a link has
//! another name than what it leads to; a path that cannot be followed is not proposed.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::host::{Found, is_text};
use super::secrets::{is_listed, is_secret, may_be_secret};
use crate::tools::Homes;

/// Directories of the system that hold too much for one name in them.
const WIDE: [&str; 6] =
    ["/usr/local", "/var/lib", "/var/cache", "/var/tmp", "/etc/ssl", "/usr/lib"];

/// What is right in the root and belongs to the system: programs, their settings and their state. What
/// a build wrote there would be started or read by others, as root mostly.
const SYSTEMS: &str = "\
    afs bin boot dev efi etc gnu lib lib32 lib64 libx32 nix opt ostree proc root run sbin snap sys \
    sysroot usr var";

/// Directories from which something is started by itself, or by a name without a path.
const STARTED: &str = "\
    .git .hg .svn .bzr .github .gitlab .husky .vscode .idea .vim .emacs.d .direnv .cargo .local .venv \
    venv bin sbin libexec scripts hooks autostart systemd site-packages dist-packages node_modules";

/// How many names a directory may have that is looked through.
const MOST_NAMES: usize = 4096;
/// How many names are looked at in all directories together.
const MOST_IN_ALL: usize = 1 << 16;

/// Why nothing is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// It may be a secret.
    Secret,
    /// What would be granted has something in it that may be a secret, or cannot be looked through.
    Beside,
    /// It would grant too much, or is no text for a command line.
    Wide,
}

/// What is known of the host when a grant is to be proposed.
#[derive(Debug)]
pub(super) struct Offers {
    homes: Homes,
    /// The entries of the caller's PATH.
    entries: Vec<PathBuf>,
    /// Whether a directory has something in it that may be a secret, as far as it was asked.
    looked: RefCell<HashMap<PathBuf, bool>>,
    names_left: RefCell<usize>,
}

impl Offers {
    pub(super) fn new(homes: Homes, path: &[PathBuf]) -> Self {
        let entries = path.iter().filter_map(|entry| entry.canonicalize().ok()).collect();
        let (looked, names_left) = (RefCell::default(), RefCell::new(MOST_IN_ALL));
        Self { homes, entries, looked, names_left }
    }

    /// What to grant for reading so that `path`, which is `found` on the host, is seen: the directory
    /// that it is or lies in, or it alone where that is a large one. By the name that was asked for, or
    /// by what it leads to if the link itself is `seen`.
    pub(super) fn reading(
        &self,
        path: &Path,
        found: Found,
        seen: bool,
    ) -> Result<PathBuf, Withheld> {
        let solid = path.canonicalize().ok().ok_or(Withheld::Wide)?;
        if may_be_secret(path) || may_be_secret(&solid) {
            return Err(Withheld::Secret);
        }
        if !is_text(path) || !is_text(&solid) {
            return Err(Withheld::Wide);
        }
        // Behind the system's own sockets somebody acts for whoever asks.
        if found == Found::Socket && solid.starts_with("/run") {
            return Err(Withheld::Secret);
        }
        let named = if seen { &solid } else { path };
        if found == Found::Directory {
            return self.directory(named, &solid);
        }
        let around = |path: &Path| path.parent().map(Path::to_owned).ok_or(Withheld::Wide);
        // What lies around a link is not what lies around what it leads to.
        let (named_around, solid_around) = (around(named)?, around(&solid)?);
        let led = named_around.canonicalize().is_ok_and(|led| led == solid_around);
        let directory =
            if led { self.directory(&named_around, &solid_around) } else { Err(Withheld::Wide) };
        match directory {
            Err(Withheld::Wide) if found != Found::Socket => {
                let beside = self.holds_secret(&solid_around);
                if beside { Err(Withheld::Beside) } else { Ok(named.to_owned()) }
            }
            other => other,
        }
    }

    fn directory(&self, named: &Path, solid: &Path) -> Result<PathBuf, Withheld> {
        if self.is_wide(solid) || self.is_wide(named) || !is_text(named) || !is_text(solid) {
            Err(Withheld::Wide)
        } else if self.holds_secret(solid) {
            Err(Withheld::Beside)
        } else {
            Ok(named.to_owned())
        }
    }

    /// The directory to grant for writing, so that `path` in it can be written.
    pub(super) fn writing(&self, path: &Path, directory: &Path) -> Result<PathBuf, Withheld> {
        let solid = directory.canonicalize().ok().ok_or(Withheld::Wide)?;
        if may_be_secret(path) || may_be_secret(&solid) || self.holds_secret(&solid) {
            return Err(Withheld::Secret);
        }
        let starts = self.starts(&solid) || self.starts(directory);
        if starts || self.homes.hold(&solid) {
            return Err(Withheld::Wide);
        }
        self.directory(directory, &solid)
    }

    /// Whether `file`, which the build sees, may be opened for every user.
    pub(super) fn opening(&self, file: &Path) -> Result<PathBuf, Withheld> {
        let solid = file.canonicalize().ok().ok_or(Withheld::Wide)?;
        if may_be_secret(file) || may_be_secret(&solid) {
            return Err(Withheld::Secret);
        }
        let wide = self.homes.hold(&solid) || !is_text(&solid);
        if wide { Err(Withheld::Wide) } else { Ok(solid) }
    }

    /// Whether a directory is a home, holds one, or is one of the system's large ones.
    fn is_wide(&self, directory: &Path) -> bool {
        directory.components().count() <= 2
            || WIDE.iter().any(|wide| directory == Path::new(wide))
            || self.homes.are_within(directory)
    }

    /// Whether the host starts something of what lies in the directory, or below it.
    fn starts(&self, directory: &Path) -> bool {
        let has = |list: &str, name: &str| list.split_ascii_whitespace().any(|it| it == name);
        let mut names = directory.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().to_lowercase()),
            _ => None,
        });
        let first = names.next().unwrap_or_default();
        has(SYSTEMS, &first)
            || has(STARTED, &first)
            || names.any(|it| {
                has(STARTED, &it) || it.starts_with("cron") || it.strip_suffix(".d").is_some()
            })
            || self.entries.iter().any(|it| it.starts_with(directory) || directory.starts_with(it))
    }

    /// Whether something right in the directory may be a secret. One that cannot be looked through may
    /// have anything in it.
    fn holds_secret(&self, directory: &Path) -> bool {
        if let Some(known) = self.looked.borrow().get(directory) {
            return *known;
        }
        let found = self.look(directory);
        self.looked.borrow_mut().insert(directory.to_owned(), found);
        found
    }

    fn look(&self, directory: &Path) -> bool {
        let most = MOST_NAMES.min(*self.names_left.borrow());
        let Ok(entries) = std::fs::read_dir(directory) else { return true };
        // Programs are called for what they do.
        let programs = directory.file_name().is_some_and(|name| name == "bin" || name == "sbin");
        let mut count = 0;
        for entry in entries {
            let Ok(entry) = entry else { return true };
            count += 1;
            let name = entry.file_name();
            let listed = || is_listed(&name.to_string_lossy().to_lowercase());
            if count > most || if programs { listed() } else { is_secret(&name) } {
                count = count.min(most);
                self.names_left.replace_with(|left| left.saturating_sub(count));
                return true;
            }
        }
        self.names_left.replace_with(|left| left.saturating_sub(count));
        false
    }
}

#[cfg(test)]
#[path = "offers_tests.rs"]
mod tests;
