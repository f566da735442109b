//! What `bulkhead` is worth in the containers of real engines, by real attempts in them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod container;
mod daemon;
mod demands;
mod doctor;
mod guarantees;
mod hook;
mod image;
mod lifeline;
#[path = "../skipped.rs"]
mod skipped;

/// What an engine is, where there is one. A test that needs it and has none says why and is
/// skipped, unless `REQUIRE_ISOLATION=1`, as in the project's own checks, makes that a failure.
fn here<T>(engine: Result<T, String>) -> Option<T> {
    let why = match engine {
        Ok(engine) => return Some(engine),
        Err(why) => why,
    };
    let required = std::env::var("REQUIRE_ISOLATION").as_deref() == Ok("1");
    assert!(!required, "REQUIRE_ISOLATION is set, and {why}");
    crate::skipped::note(format_args!("{why}"));
    None
}

/// A directory that every user can reach.
fn directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    directory
}
