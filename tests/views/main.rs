//! What others make of the reports: a browser, code scanning, whoever reads `JUnit`'s XML, GitHub.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod axe;
mod browser;
mod current;
mod github;
mod html;
mod junit;
mod measure;
mod sarif;
mod search;
#[path = "../skipped.rs"]
mod skipped;
mod specimen;
