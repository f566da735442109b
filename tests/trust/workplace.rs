//! A checkout with a few entries of the real catalogue, and the real program in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};

use harness::conduct::{RunContext, RunContextError};
use harness::lab::host_tree::HostTree;

/// The levels that these tests try. `proposal` is left out: it gives builds the uid of an account,
/// and whoever removes an account of that number outside, as a test of the sandbox does, ends every
/// process of that uid on this machine, those of labs included.
pub(crate) const LEVELS: [&str; 6] = ["-t", "own@none", "-t", "own@network", "-t", "own@full"];

/// The program on trial.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_harness");

/// That this machine can conduct trials, or why not.
fn able() -> Result<RunContext, RunContextError> {
    RunContext::prepare(None, Some(Path::new(PROGRAM)), Arc::new(HostTree::own()))
}

/// Whether this machine can conduct trials; says why not where tests must be skipped.
pub(crate) fn is_able() -> bool {
    static ABLE: OnceLock<Result<(), String>> = OnceLock::new();
    let able = ABLE.get_or_init(|| match able() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    able.as_ref().map_err(|why| skip(why)).is_ok()
}

/// Says why a test is skipped; fails where none may be.
pub(crate) fn skip(why: &str) {
    let must = std::env::var_os("REQUIRE_ISOLATION").is_some_and(|value| value == "1");
    assert!(!must, "REQUIRE_ISOLATION=1, but: {why}");
    crate::skipped::note(format_args!("{why}"));
}

/// The checkout; gone once it is dropped.
pub(crate) struct Workplace {
    dir: tempfile::TempDir,
}

impl Workplace {
    /// With these entries of the catalogue.
    pub(crate) fn with(entries: &[&str]) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("attacks");
        for entry in entries {
            copy(&catalogue.join(entry), &place.path().join("attacks").join(entry));
        }
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        let path = self.path().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Adds an attack on `files` that does `body` in its hook and is caught by nothing but a file
    /// that nobody makes.
    pub(crate) fn attack(&self, slug: &str, timeout: &str, body: &str) {
        let folder = format!("attacks/files/{slug}");
        let manifest = format!(
            "schema = 1\nid = \"files/{slug}\"\ntitle = \"Does {slug}\"\nseverity = \"low\"\n\
             summary = \"Tries it.\"\nstopped_by = [\"mounts\"]\ncwe = [\"CWE-276\"]\n[run]\n\
             hooks = [\"build_wheel\"]\ntimeout = \"{timeout}\"\nmarks = [\"open\"]\n[[oracle]]\n\
             id = \"made\"\nkind = \"file-created\"\npath = \"{{home}}/made\"\n"
        );
        let backend = format!(
            "\"\"\"A back end of a test.\"\"\"\n\nimport os\n\nimport kit\n\n\n\
             def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n\
             {body}    return kit.wheel(wheel_directory)\n"
        );
        self.write(&format!("{folder}/attack.toml"), &manifest);
        self.write(&format!("{folder}/backend.py"), &backend);
        let pyproject = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\n\
                         backend-path = [\".\", \"_lab\"]\n";
        self.write(&format!("{folder}/pyproject.toml"), pyproject);
    }

    /// The program with these arguments, in the checkout.
    pub(crate) fn harness(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command.env_remove("REQUIRE_ISOLATION");
        command
    }

    /// Runs it to its end: the status, standard output, standard error.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        ended(self.harness(args).output().unwrap())
    }

    /// The report of a target, by entry and level: outcome and verdict.
    pub(crate) fn cell(&self, target: &str, entry: &str, level: &str) -> (String, String) {
        let text = self.read(&format!("target/harness/root/{target}.json"));
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cell = &report["results"][entry][level];
        let word = |key: &str| cell[key].as_str().unwrap_or("nothing").to_owned();
        (word("outcome"), word("verdict"))
    }
}

/// A status and what was printed.
pub(crate) fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
