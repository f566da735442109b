//! The only unsafe code of the project: calls that nix and rustix lack, one file per family.

pub mod landlock;
pub mod seccomp;
