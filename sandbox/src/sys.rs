//! The only unsafe code of the project: calls that nix and rustix lack, one file per family.
//!
//! Public but hidden from the documentation, because the harness needs the same calls.

pub mod arguments;
pub mod clone;
pub mod descriptors;
pub mod devices;
pub mod keyring;
pub mod landlock;
pub mod loopback;
pub mod mount;
pub mod namespaces;
pub mod ptrace;
pub mod scheduling;
pub mod seccomp;
pub mod signals;
pub mod sysv;
