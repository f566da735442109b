//! The `harness` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = harness::lab::played() {
        return code;
    }
    ExitCode::SUCCESS
}
