//! What `bulkhead` is worth in the containers of real engines, by real attempts in them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod daemon;
mod lifeline;

/// What an engine is, where there is one. A test that needs it and has none says why and is
/// skipped, unless `REQUIRE_ISOLATION=1`, as in the project's own checks, makes that a failure.
fn here<T>(engine: Result<T, String>) -> Option<T> {
    let why = match engine {
        Ok(engine) => return Some(engine),
        Err(why) => why,
    };
    let required = std::env::var("REQUIRE_ISOLATION").as_deref() == Ok("1");
    assert!(!required, "REQUIRE_ISOLATION is set, and {why}");
    eprintln!("skipped: {why}");
    None
}
