//! Where things lie in a lab, and the templates of manifests that speak of it.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// What only the lab has; its mount is named [`MARKER`].
pub const LAB: &str = "/opt/lab";
/// The name of the mount at [`LAB`]; how a program recognises that it is in a lab.
pub const MARKER: &str = "bulkhead-lab";
/// The interpreter's prefix, where it is not `/usr`.
pub const PYTHON: &str = "/opt/lab/python";
/// `pyproject_hooks` and the driver.
pub const FRONTEND: &str = "/opt/lab/frontend";
/// The program that plays `bulkhead`.
pub const BULKHEAD: &str = "/opt/lab/bin/bulkhead";
/// Programs that lend a privilege; only a lab with such a plant has them, and only there does a
/// set-user-ID bit mean something.
pub const HELPERS: &str = "/opt/helpers";
/// Where the sandbox writes its outcome.
pub const OUTCOME: &str = "/opt/lab/outcome/outcome.json";
/// The front end's working directory.
pub const WORK: &str = "/build/pkg";
/// The source tree of the build on trial.
pub const SOURCE: &str = "/build/pkg/pkg-1.0";
/// Where its artefacts belong.
pub const OUTPUT: &str = "/build/pkg/dist";
/// The source tree of the second, honest build.
pub const SECOND_SOURCE: &str = "/build/second/honest-1.0";
/// Where the second build's artefact belongs.
pub const SECOND_OUTPUT: &str = "/build/second/dist";
/// The programs' path of the fixed environment.
pub const PATH: &str =
    "/opt/lab/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The interpreter as it is seen in the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The program.
    pub program: PathBuf,
    /// Its site directory.
    pub site: PathBuf,
    /// The home of the caller who starts it.
    pub home: &'static str,
}

/// Fills the path variables and the canary into a template of a manifest.
#[must_use]
pub fn fill(template: &str, interpreter: &Interpreter, canary: &str) -> String {
    // A home may be the root itself.
    let below_home = format!("{}/", interpreter.home.trim_end_matches('/'));
    template
        .replace("{home}/", &below_home)
        .replace("{home}", interpreter.home)
        .replace("{source}", SOURCE)
        .replace("{work}", WORK)
        .replace("{output}", OUTPUT)
        .replace("{site}", &interpreter.site.to_string_lossy())
        .replace("{python}", &interpreter.program.to_string_lossy())
        .replace("{canary}", canary)
}

/// `path` without its leading slash; empty for the root itself.
#[must_use]
pub fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// The same for calls that take no empty path: `.` for the root itself.
#[must_use]
pub fn from_root(path: &Path) -> &Path {
    let rest = relative(path);
    if rest.as_os_str().is_empty() { Path::new(".") } else { rest }
}

/// The fresh, empty tmpfs mounts of a lab: where, permission bits, size.
pub const FRESH: [(&str, u32, &str); 8] = [
    ("/tmp", 0o1777, "1g"),
    ("/var/tmp", 0o1777, "512m"),
    ("/run", 0o755, "64m"),
    ("/home", 0o755, "64m"),
    ("/root", 0o700, "64m"),
    ("/build", 0o755, "1g"),
    (LAB, 0o755, "256m"),
    ("/dev/shm", 0o1777, "256m"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_with_paths_and_canary() {
        let interpreter =
            Interpreter { program: "/usr/bin/python3".into(), site: "/s".into(), home: "/root" };
        let text = fill("{home}/.netrc {site} {canary}", &interpreter, "c0ffee");
        assert_eq!(text, "/root/.netrc /s c0ffee");
        let nobody = Interpreter { home: "/", ..interpreter };
        assert_eq!(fill("{home}/.netrc in {home}", &nobody, ""), "/.netrc in /");
    }
}
