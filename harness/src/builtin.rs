//! What the program carries: the catalogue, the sandboxes on trial and the committed reports, as
//! they were when it was built. Outside a checkout it works with these.
#![forbid(unsafe_code)]

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use crate::catalogue::tree::{Node, Tree};

/// A gzipped tar archive, which the build script has made.
const ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/builtin.tar.gz"));

/// The version of the program and of each part that it carries, a line for each.
pub const VERSIONS: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nattacks   ",
    env!("BUILTIN_ATTACKS"),
    "\ntargets   ",
    env!("BUILTIN_TARGETS"),
    "\nreports   ",
    env!("BUILTIN_REPORTS"),
);

/// A part of what is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `<guarantee>/<slug>/attack.toml` and the rest of each source tree.
    Attacks,
    /// `<name>/target.toml` and the files beside it.
    Targets,
    /// `<host>/<target>.json`.
    Reports,
}

impl Part {
    const fn folder(self) -> &'static str {
        match self {
            Self::Attacks => "attacks",
            Self::Targets => "targets",
            Self::Reports => "reports",
        }
    }

    /// Its files, named from its own folder.
    ///
    /// # Errors
    /// When the program is damaged.
    pub(crate) fn files(self) -> io::Result<Tree> {
        let of = |(path, node): (&std::path::PathBuf, &Node)| {
            Some((path.strip_prefix(self.folder()).ok()?.to_owned(), node.clone()))
        };
        Ok(everything()?.iter().filter_map(of).collect())
    }
}

/// What a file of a tree holds.
pub(crate) fn content<'t>(tree: &'t Tree, path: &Path) -> io::Result<&'t [u8]> {
    match tree.get(path) {
        Some(Node::File { content, .. }) => Ok(content),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// All of it, unpacked once.
fn everything() -> io::Result<&'static Tree> {
    static UNPACKED: OnceLock<Tree> = OnceLock::new();
    if let Some(tree) = UNPACKED.get() {
        return Ok(tree);
    }
    let tree = unpacked()?;
    Ok(UNPACKED.get_or_init(|| tree))
}

fn unpacked() -> io::Result<Tree> {
    let mut tree = Tree::new();
    for entry in Archive::new(GzDecoder::new(ARCHIVE)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let node = if entry.header().entry_type() == EntryType::Symlink {
            let target = entry.link_name()?.ok_or(io::ErrorKind::InvalidData)?;
            Node::Link(target.into_owned())
        } else {
            let executable = entry.header().mode()? & 0o100 != 0;
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            Node::File { executable, content }
        };
        tree.insert(path, node);
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tree;

    #[test]
    fn what_is_carried_is_the_checkout_file_by_file() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (part, place) in [(Part::Attacks, "../attacks"), (Part::Targets, "targets")] {
            assert_eq!(part.files().unwrap(), tree::read(&top.join(place)).unwrap(), "{part:?}");
        }
        let reports = Part::Reports.files().unwrap();
        let own = std::fs::read(top.join("../reports/root/own.json")).unwrap();
        assert_eq!(content(&reports, Path::new("root/own.json")).unwrap(), own);
        assert!(reports.keys().all(|path| path.extension().is_some_and(|end| end == "json")));
        assert!(reports.keys().all(|path| path.components().count() == 2), "HOST/TARGET.json");
    }

    #[test]
    fn every_part_has_a_version() {
        let lines: Vec<_> = VERSIONS.lines().collect();
        assert_eq!(lines.len(), 4, "{VERSIONS}");
        assert!(lines[1..].iter().all(|line| line.contains(" sha256:")), "{VERSIONS}");
    }
}
