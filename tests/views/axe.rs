//! axe-core, which knows what makes a page hard to use; fetched once from npm, version and digest
//! pinned.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};

const PACKAGE: &str = "axe-core@4.14.1";
const FILE: &str = "axe-core-4.14.1.tgz";
/// SHA-512 of the package, as npm writes it.
const DIGEST: &str =
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==";

/// The script; `None`, with a reason on standard error, where the test must be skipped.
pub(crate) fn script() -> Option<String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = dir.join(FILE);
    if !file.exists() {
        let packed = Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(dir)
            .arg(PACKAGE)
            .stdin(Stdio::null())
            .output();
        let reason = match packed {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason {
            crate::skipped::note(format_args!("npm gives no {PACKAGE}: {}", reason.trim()));
            return None;
        }
    }
    let bytes = std::fs::read(&file).unwrap();
    let digest = STANDARD.encode(Sha512::digest(&bytes));
    assert_eq!(digest, DIGEST, "{} is not the package that was looked at", file.display());
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry =
        entries.find(|one| one.path().unwrap().ends_with("package/axe.min.js")).unwrap();
    let mut text = String::new();
    entry.read_to_string(&mut text).unwrap();
    Some(text)
}
