//! Packs the catalogue, the sandboxes on trial and the committed reports into one archive, which the
//! program carries.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// A part of the archive: its name there, where it lies beside this package, and what belongs to it.
type Part = (&'static str, &'static str, fn(&Path) -> bool);

const PARTS: [Part; 3] = [
    ("attacks", "../attacks", |_| true),
    ("targets", "targets", |_| true),
    // Those of honest packages and of mutants have forms of their own, and no host.
    ("reports", "../reports", |file| {
        let others = ["corpus.json", "mutants.json"];
        file.extension().is_some_and(|end| end == "json")
            && !others.iter().any(|name| file.ends_with(name))
    }),
];

fn main() -> Result<(), Box<dyn Error>> {
    let top = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let archive = PathBuf::from(env::var("OUT_DIR")?).join("builtin.tar.gz");
    // No time and no name of a machine: the same files make the same bytes.
    let packed = GzBuilder::new().mtime(0).write(File::create(archive)?, Compression::best());
    let mut archive = Builder::new(packed);
    for (name, place, wanted) in PARTS {
        println!("cargo::rerun-if-changed={place}");
        let mut files = Vec::new();
        list(&top.join(place), Path::new(name), &mut files)?;
        files.retain(|(path, _)| wanted(path));
        files.sort();
        let mut sha = Sha256::new();
        for (path, file) in &files {
            add(&mut archive, path, file, &mut sha)?;
        }
        let mut told = "sha256:".to_owned();
        for byte in sha.finalize().iter().take(6) {
            write!(told, "{byte:02x}")?;
        }
        write!(told, ", {}", counted(name, &files))?;
        println!("cargo::rustc-env=BUILTIN_{}={told}", name.to_uppercase());
    }
    archive.into_inner()?.finish()?.flush()?;
    Ok(())
}

/// Every file below `dir`, with its name in the archive.
fn list(
    dir: &Path,
    name: &Path,
    files: &mut Vec<(PathBuf, PathBuf)>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = name.join(entry.file_name());
        // What comes and goes is no part of a source tree.
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &name, files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}

fn add<W: std::io::Write>(
    archive: &mut Builder<W>,
    name: &Path,
    file: &Path,
    sha: &mut Sha256,
) -> Result<(), Box<dyn Error>> {
    let meta = fs::symlink_metadata(file)?;
    let mut header = Header::new_gnu();
    let content = if meta.is_symlink() {
        let target = fs::read_link(file)?;
        header.set_entry_type(EntryType::Symlink);
        header.set_mode(0o777);
        header.set_size(0);
        archive.append_link(&mut header, name, &target)?;
        target.as_os_str().as_bytes().to_vec()
    } else {
        let content = fs::read(file)?;
        let executable = meta.permissions().mode() & 0o100 != 0;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(if executable { 0o755 } else { 0o644 });
        header.set_size(u64::try_from(content.len())?);
        archive.append_data(&mut header, name, content.as_slice())?;
        content
    };
    for part in [name.as_os_str().as_bytes(), &content] {
        sha.update(u64::try_from(part.len())?.to_le_bytes());
        sha.update(part);
    }
    Ok(())
}

/// How many of what there are.
fn counted(part: &str, files: &[(PathBuf, PathBuf)]) -> String {
    let named = |end: &str| files.iter().filter(|(path, _)| path.ends_with(end)).count();
    match part {
        "attacks" => {
            let manifests = files.iter().filter(|(path, _)| path.ends_with("attack.toml"));
            let benign = manifests.filter(|(path, _)| path.starts_with("attacks/benign")).count();
            format!("{} attacks, {benign} honest builds", named("attack.toml") - benign)
        }
        "targets" => format!("{} sandboxes beside its own", named("target.toml")),
        _ => format!("{} reports", files.len()),
    }
}
