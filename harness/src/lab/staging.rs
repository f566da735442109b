//! Lays out what a trial needs in the lab: source tree, kit, front end, interpreter, host files.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::layout::{
    BULKHEAD, FRONTEND, Interpreter, LAB, OUTCOME, OUTPUT, SECOND_OUTPUT, SECOND_SOURCE, SOURCE,
    WORK,
};
use super::network::RESOLVER;
use super::profile::{Engine, Profile};
use super::root::Root;
use super::scrap::Scrap;
use crate::frontend::python::Python;

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

/// The wheel that the honest build's source gives, made where no attack has ever been.
///
/// # Errors
/// Those of the file system, and what the interpreter says.
pub fn honest_wheel(python: &Python) -> io::Result<Vec<u8>> {
    let dir = Scrap::make(&std::env::temp_dir())?;
    let lab = dir.path().join("_lab");
    fs::create_dir(&lab)?;
    for (name, content) in HONEST {
        fs::write(dir.path().join(name), content)?;
    }
    fs::write(lab.join("kit.py"), KIT)?;
    fs::write(lab.join("trial.json"), json!({ "nonce": "", "plants": {} }).to_string())?;
    let said = python.alone(dir.path(), ALONE)?;
    let names = fs::read_dir(dir.path())?.flatten().map(|entry| entry.path());
    match names.into_iter().find(|path| path.extension().is_some_and(|end| end == "whl")) {
        Some(wheel) => fs::read(wheel),
        None => Err(io::Error::other(said)),
    }
}

/// Writes what every lab has: names, resolver, the program that plays `bulkhead`, output places.
///
/// # Errors
/// Those of the kernel.
pub fn furnish(root: &Root, hostname: &str) -> io::Result<()> {
    root.write(Path::new("/etc/hostname"), 0o644, format!("{hostname}\n").as_bytes())?;
    let hosts = format!("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {hostname}\n");
    root.write(Path::new("/etc/hosts"), 0o644, hosts.as_bytes())?;
    let resolver = format!("nameserver {RESOLVER}\noptions timeout:1 attempts:1\n");
    root.write(Path::new("/etc/resolv.conf"), 0o644, resolver.as_bytes())?;
    // A mount will cover it.
    root.write(Path::new(BULKHEAD), 0o755, b"")?;
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
/// Those of reading the tree and of writing the copy.
pub fn source(root: &Root, dir: &Path) -> io::Result<()> {
    copy(root, dir, Path::new(SOURCE))?;
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
    facts(root, source, &format!("{nonce}-honest"), home, &BTreeMap::new(), &[])?;
    root.directory_made(Path::new(SECOND_OUTPUT)).map(drop)
}

/// Tells the build its nonce, where the plants are, and after which marks it is to stand still.
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
) -> io::Result<()> {
    let second = json!({
        "source": SECOND_SOURCE,
        "output": SECOND_OUTPUT,
        "caches": ["/tmp/honest-1.0.cache", format!("{home}/.cache/honest/honest-1.0.cache")],
    });
    let text = json!({ "nonce": nonce, "plants": plants, "second": second, "pauses": pauses });
    let text = text.to_string();
    root.write(&source.join("_lab/trial.json"), 0o644, text.as_bytes())
}

/// Leaves the file by which programs tell that they are in a container.
///
/// # Errors
/// Those of the kernel.
pub fn trace(root: &Root, engine: &Engine) -> io::Result<()> {
    let (path, content) = engine.trace;
    root.write(Path::new(path), 0o644, content.as_bytes())
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
    let home = Path::new(profile.home());
    root.directory_made(home)?;
    root.set_mode(home, 0o700)?;
    let outcome = Path::new(OUTCOME).parent().unwrap_or(Path::new(OUTCOME));
    let work = Path::new(WORK).parent().unwrap_or(Path::new(WORK));
    for place in [home, work, outcome] {
        root.give(place, profile.caller(), true)?;
    }
    // An interpreter below `/usr` is the system's.
    let folder = python.program.parent().unwrap_or(&python.program);
    for place in [python.site.as_path(), folder, &python.program] {
        if place.starts_with(LAB) {
            root.give(place, profile.caller(), false)?;
        }
    }
    Ok(())
}

/// Puts the front end's files in place.
///
/// # Errors
/// Those of the kernel.
pub fn frontend(root: &Root, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    files
        .iter()
        .try_for_each(|(path, content)| root.write(&Path::new(FRONTEND).join(path), 0o644, content))
}

/// Copies a directory of the host, links as links.
fn copy(root: &Root, from: &Path, to: &Path) -> io::Result<()> {
    let dir = root.directory_made(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if kind.is_dir() {
            copy(root, &entry.path(), &target)?;
        } else if kind.is_symlink() {
            let link = fs::read_link(entry.path())?;
            rustix::fs::symlinkat(&link, dir.as_fd(), entry.file_name())?;
        } else {
            let executable = entry.metadata()?.permissions().mode() & 0o111 != 0;
            let mode = if executable { 0o755 } else { 0o644 };
            root.write(&target, mode, &fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
