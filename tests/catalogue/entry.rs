//! A folder of attacks that a test writes, entry by entry.

use std::fs;
use std::path::{Path, PathBuf};

use harness::catalogue::Catalogue;
use harness::catalogue::diagnostic::Diagnostic;

/// A manifest without a mistake.
pub(crate) const MANIFEST: &str = r#"schema     = 1
id         = "secrets/netrc-read"
title      = "Backend reads ~/.netrc and hides the token in the wheel"
severity   = "high"
summary    = "The token ends up in the wheel that the caller publishes."
stopped_by = ["identity", "mounts"]
attack     = ["T1552.001"]
cwe        = ["CWE-522"]
catalogue  = ["cred-netrc-root600"]

[run]
hooks   = ["build_wheel"]
timeout = "10s"
marks   = ["open-netrc"]

[[plant]]
id = "netrc"
kind = "file"
path = "{home}/.netrc"
mode = "0600"

[[oracle]]
id = "token-in-wheel"
kind = "canary-in-artefact"
plant = "netrc"

[[reference]]
kind = "incident"
title = "codecov"
url = "https://about.codecov.io/security-update/"
date = 2021-04-15
"#;

/// A build system without a mistake.
pub(crate) const PYPROJECT: &str = r#"[build-system]
requires = []
build-backend = "backend"
backend-path = [".", "_lab"]
"#;

/// A back end without a mistake.
pub(crate) const BACKEND: &str = r#"import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.mark("open-netrc")
    return kit.wheel(wheel_directory)
"#;

/// A temporary folder of attacks.
pub(crate) struct Attacks {
    dir: tempfile::TempDir,
}

impl Attacks {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// One with a single entry, `secrets/netrc-read`, whose manifest is `MANIFEST` with the
    /// first `from` replaced by `to`.
    pub(crate) fn with_manifest(from: &str, to: &str) -> Self {
        assert!(MANIFEST.contains(from), "the manifest has no {from:?}");
        let attacks = Self::new();
        attacks.entry("secrets/netrc-read", &MANIFEST.replacen(from, to, 1));
        attacks
    }

    /// Adds a complete entry.
    pub(crate) fn entry(&self, id: &str, manifest: &str) {
        self.write(&format!("{id}/attack.toml"), manifest);
        self.write(&format!("{id}/pyproject.toml"), PYPROJECT);
        self.write(&format!("{id}/backend.py"), BACKEND);
    }

    /// Writes one file.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Reads it as a catalogue.
    pub(crate) fn open(&self) -> Result<Catalogue, Vec<Diagnostic>> {
        open(&[self.path().to_owned()])
    }

    /// The mistakes as they are printed, with paths as seen from the folder.
    pub(crate) fn mistakes(&self) -> String {
        match self.open() {
            Ok(_) => "no mistake\n".to_owned(),
            Err(found) => {
                let lines = found.into_iter().map(|one| one.seen_from(self.path()).to_string());
                lines.collect::<Vec<_>>().join("\n") + "\n"
            }
        }
    }
}

/// Reads several folders as one catalogue.
pub(crate) fn open(dirs: &[PathBuf]) -> Result<Catalogue, Vec<Diagnostic>> {
    Catalogue::open(dirs)
}
