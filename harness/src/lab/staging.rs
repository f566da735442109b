//! Lays out what a trial needs in the lab: source tree, kit, front end, interpreter, host files.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::layout::{
    BULKHEAD, FRONTEND, Interpreter, LAB, OUTCOME, OUTPUT, SECOND_OUTPUT, SECOND_SOURCE, SOURCE,
    WORK,
};
use super::network::RESOLVER;
use super::pace::Pace;
use super::profile::Profile;
use super::root::Root;
use super::run_temp_dir::RunTempDir;
use crate::catalogue::tree::{Node, Tree};
use crate::frontend::python::Python;

/// Below the front end's directory: what the sandbox on trial brings along.
pub const TARGET: &str = "target";
/// `/etc/login.defs` is not read beyond this.
const LOGIN_DEFS: usize = 1 << 20;
/// What attacks import: marks, attempts, honest artefacts.
const KIT: &str = include_str!("../../kit/kit.py");
/// What the kit has for calls that Python does not know.
const CALLS: &str = include_str!("../../kit/calls.py");

/// The honest build that may run before, beside or after the one on trial. Like many, it takes a
/// result from caches by name: one in `/tmp`, one in the caller's home.
const HONEST: [(&str, &str); 3] = [
    (
        "pyproject.toml",
        "[build-system]\nrequires = []\nbuild-backend = \"backend\"\n\
         backend-path = [\".\", \"_lab\"]\n",
    ),
    ("module.py", "answer = 42\n"),
    ("backend.py", include_str!("honest.py")),
];

/// What a script of the harness says to the kit's wheel of that build, outside of any lab.
const ALONE: &str = "import sys; sys.path[:0] = ['.', '_lab']; import backend; \
                     backend.build_wheel('.')";

/// The source tree of that build.
#[must_use]
pub fn honest_tree() -> Tree {
    let node = |content: &str| Node::File { executable: false, content: content.into() };
    HONEST.iter().map(|(name, content)| (PathBuf::from(name), node(content))).collect()
}

/// Writes the source tree of that build into a directory of the harness's own.
///
/// # Errors
/// Those of the file system.
pub fn honest_source(dir: &Path) -> io::Result<()> {
    HONEST.iter().try_for_each(|(name, content)| fs::write(dir.join(name), content))
}

/// The wheel that the honest build's source gives, made where no attack has ever been.
///
/// # Errors
/// Those of the file system, and what the interpreter says.
pub fn honest_wheel(python: &Python) -> io::Result<Vec<u8>> {
    let dir = RunTempDir::make(&std::env::temp_dir())?;
    let lab = dir.path().join("_lab");
    fs::create_dir(&lab)?;
    honest_source(dir.path())?;
    fs::write(lab.join("kit.py"), KIT)?;
    fs::write(lab.join("trial.json"), json!({ "nonce": "", "plants": {} }).to_string())?;
    let said = python.alone(dir.path(), ALONE)?;
    let names = fs::read_dir(dir.path())?.flatten().map(|entry| entry.path());
    match names.into_iter().find(|path| path.extension().is_some_and(|end| end == "whl")) {
        Some(wheel) => fs::read(wheel),
        None => Err(io::Error::other(said)),
    }
}

/// Writes what every lab has: names, resolver, a copy of the `program` that plays `bulkhead`, output
/// places.
///
/// # Errors
/// Those of the kernel.
pub fn fill(root: &Root, hostname: &str, program: &Path) -> io::Result<()> {
    root.write(Path::new("/etc/hostname"), 0o644, format!("{hostname}\n").as_bytes())?;
    let hosts = format!("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {hostname}\n");
    root.write(Path::new("/etc/hosts"), 0o644, hosts.as_bytes())?;
    let resolver = format!("nameserver {RESOLVER}\noptions timeout:1 attempts:1\n");
    root.write(Path::new("/etc/resolv.conf"), 0o644, resolver.as_bytes())?;
    // The host's own must not be there: a mount of it names a file system, and the file can be changed.
    root.copy_program(program, Path::new(BULKHEAD))?;
    root.directory_made(Path::new(OUTPUT))?;
    if let Some(parent) = Path::new(OUTCOME).parent() {
        root.directory_made(parent)?;
    }
    root.directory_made(Path::new(WORK)).map(drop)
}

/// Lets `useradd` give its system accounts numbers between these, and no others: a sandbox beside
/// the harness that has made an account ends whatever runs under the same number, in labs too.
///
/// # Errors
/// Those of write(2).
pub fn accounts(root: &Root, (first, last): (usize, usize)) -> io::Result<()> {
    let path = Path::new("/etc/login.defs");
    // Where there is none, there is no `useradd` either.
    let Ok(mut text) = root.read(path, LOGIN_DEFS) else { return Ok(()) };
    // The last line with a name counts.
    for kind in ["UID", "GID"] {
        let range = format!("\nSYS_{kind}_MIN {first}\nSYS_{kind}_MAX {last}\n");
        text.extend(range.into_bytes());
    }
    root.write(path, 0o644, &text)
}

/// Copies the source tree of an entry into the lab, and the kit into the copy.
///
/// # Errors
/// Those of the kernel.
pub fn source(root: &Root, tree: &Tree) -> io::Result<()> {
    let source = Path::new(SOURCE);
    root.directory_made(source)?;
    for (path, node) in tree {
        let target = source.join(path);
        match node {
            Node::File { executable, content } => {
                root.write(&target, if *executable { 0o755 } else { 0o644 }, content)?;
            }
            Node::Link(to) => {
                let parent = root.directory_made(target.parent().unwrap_or(source))?;
                let name = target.file_name().unwrap_or_default();
                rustix::fs::symlinkat(to, parent.as_fd(), name)?;
            }
        }
    }
    root.write(&Path::new(SOURCE).join("_lab/calls.py"), 0o644, CALLS.as_bytes())?;
    root.write(&Path::new(SOURCE).join("_lab/kit.py"), 0o644, KIT.as_bytes())
}

/// Puts the second, honest build in place.
///
/// # Errors
/// Those of the kernel.
pub fn second(root: &Root, nonce: &str, home: &str) -> io::Result<()> {
    let source = Path::new(SECOND_SOURCE);
    for (name, content) in HONEST {
        root.write(&source.join(name), 0o644, content.as_bytes())?;
    }
    root.write(&source.join("_lab/kit.py"), 0o644, KIT.as_bytes())?;
    // Another nonce: what it marks is no mark of the trial.
    let nonce = format!("{nonce}-honest");
    facts(root, source, &nonce, home, &BTreeMap::new(), &[], Pace::default())?;
    root.directory_made(Path::new(SECOND_OUTPUT)).map(drop)
}

/// Tells the build its nonce, where the plants are, after which marks it is to stand still, and how
/// fast the machine is.
///
/// # Errors
/// Those of the kernel.
pub fn facts(
    root: &Root,
    source: &Path,
    nonce: &str,
    home: &str,
    plants: &BTreeMap<String, Value>,
    pauses: &[String],
    pace: Pace,
) -> io::Result<()> {
    let second = json!({
        "source": SECOND_SOURCE,
        "output": SECOND_OUTPUT,
        "caches": ["/tmp/honest-1.0.cache", below(home, ".cache/honest/honest-1.0.cache")],
    });
    let pace = pace.factor();
    let text = json!({
        "nonce": nonce, "plants": plants, "second": second, "pauses": pauses, "pace": pace,
    });
    let text = text.to_string();
    root.write(&source.join("_lab/trial.json"), 0o644, text.as_bytes())
}

/// A path below a home, which may be the root.
fn below(home: &str, path: &str) -> String {
    format!("{}/{path}", home.trim_end_matches('/'))
}

/// Where Docker says that somebody is in one of its containers.
const DOCKERS_TRACE: &str = "/.dockerenv";

/// Leaves the file by which programs tell in which container they are, in the place of what tells
/// them in which the harness is.
///
/// # Errors
/// Those of the kernel.
pub fn trace(root: &Root, profile: Profile) -> io::Result<()> {
    match root.remove(Path::new(DOCKERS_TRACE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match profile.engine().and_then(|engine| engine.trace) {
        Some((path, content)) => root.write(Path::new(path), 0o644, content.as_bytes()),
        None => Ok(()),
    }
}

/// Gives the caller what is his on a host where he is not root: home, work, outputs, the record of
/// the sandbox, and an interpreter with its site directory.
///
/// # Errors
/// Those of the kernel.
pub fn hand_over(root: &Root, profile: Profile, python: &Interpreter) -> io::Result<()> {
    if profile.is_root() {
        return Ok(());
    }
    let owner = profile.own_name();
    let outcome = Path::new(OUTCOME).parent().unwrap_or(Path::new(OUTCOME));
    let work = Path::new(WORK).parent().unwrap_or(Path::new(WORK));
    for place in [work, outcome] {
        root.give(place, owner, true)?;
    }
    let home = Path::new(profile.home());
    if home.parent().is_none() {
        // Who has no account has no home either, and no interpreter of his own.
        return Ok(());
    }
    root.directory_made(home)?;
    root.set_mode(home, 0o700)?;
    root.give(home, owner, true)?;
    // An interpreter below `/usr` is the system's.
    let folder = python.program.parent().unwrap_or(&python.program);
    for place in [python.site.as_path(), folder, &python.program] {
        if place.starts_with(LAB) {
            root.give(place, owner, false)?;
        }
    }
    Ok(())
}

/// Puts the front end's files in place.
///
/// # Errors
/// Those of the kernel.
pub fn frontend(root: &Root, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    files.iter().try_for_each(|(path, content)| {
        // A sandbox may be a program of its own.
        let mode = if path.starts_with(TARGET) { 0o755 } else { 0o644 };
        root.write(&Path::new(FRONTEND).join(path), mode, content)
    })
}
