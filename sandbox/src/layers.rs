//! The seventeen mechanisms, one file each: a pure `resolve` above, an `apply` below.
//!
//! A layer that is only a flag of `clone3` or an entry of the mount plan has no `apply`.
#![forbid(unsafe_code)]

pub mod descriptors;
pub mod environment;
pub mod hostname;
pub mod identity;
pub mod ipc;
pub mod landlock;
pub mod leash;
pub mod limits;
pub mod mounts;
pub mod network;
pub mod pid;
pub mod privileges;
pub mod proc;
pub mod session;
pub mod syscalls;
pub mod userns;
