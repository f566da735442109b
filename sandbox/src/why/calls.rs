//! Which system calls take a path, where it stands among their arguments, and what is done with it.
#![forbid(unsafe_code)]

/// What a call does with the path that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It looks at what is there.
    Look,
    /// It changes what is there, or makes it.
    Change,
    /// It executes it.
    Execute,
    /// It opens it, with the flags in this argument.
    Open(u8),
    /// The same, with a pointer to the flags (`openat2(2)`).
    OpenHow(u8),
    /// It asks whether it may do what the bits of this argument say (`access(2)`).
    Ask(u8),
    /// It gives it to another owner.
    Own,
}

/// A call with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The argument with the directory from which a relative path counts.
    pub(super) directory: Option<u8>,
    /// The argument with the path.
    pub(super) path: u8,
    /// What is done.
    pub(super) deed: Deed,
}

/// The shape of the call of that name; none where it takes no path.
pub(super) fn shape(name: &str) -> Option<Shape> {
    let at = |directory, path, deed| Some(Shape { directory: Some(directory), path, deed });
    let of = |path, deed| Some(Shape { directory: None, path, deed });
    match name {
        "stat" | "lstat" | "readlink" | "chdir" | "statfs" | "getxattr" | "lgetxattr" => {
            of(0, Deed::Look)
        }
        "newfstatat" | "statx" | "readlinkat" => at(0, 1, Deed::Look),
        "open" => of(0, Deed::Open(1)),
        "openat" => at(0, 1, Deed::Open(2)),
        "openat2" => at(0, 1, Deed::OpenHow(2)),
        "access" => of(0, Deed::Ask(1)),
        "faccessat" | "faccessat2" => at(0, 1, Deed::Ask(2)),
        "execve" => of(0, Deed::Execute),
        "execveat" => at(0, 1, Deed::Execute),
        "creat" | "mkdir" | "rmdir" | "unlink" | "truncate" | "mknod" | "utime" | "utimes"
        | "chmod" | "setxattr" | "lsetxattr" => of(0, Deed::Change),
        "mkdirat" | "unlinkat" | "mknodat" | "futimesat" | "utimensat" | "fchmodat"
        | "fchmodat2" => at(0, 1, Deed::Change),
        "rename" | "link" | "symlink" => of(1, Deed::Change),
        "renameat" | "renameat2" | "linkat" => at(2, 3, Deed::Change),
        "symlinkat" => at(1, 2, Deed::Change),
        "chown" | "lchown" => of(0, Deed::Own),
        "fchownat" => at(0, 1, Deed::Own),
        _ => None,
    }
}

/// Whether the call of that name makes a process or a thread.
pub(super) fn makes_a_process(name: &str) -> bool {
    matches!(name, "clone" | "clone3" | "fork" | "vfork")
}

/// Whether programs and their libraries do by an older call what a kernel without this one lacks.
pub(super) fn has_a_substitute(name: &str) -> bool {
    matches!(
        name,
        "clone3"
            | "rseq"
            | "statx"
            | "faccessat2"
            | "fchmodat2"
            | "close_range"
            | "openat2"
            | "epoll_pwait2"
            | "map_shadow_stack"
            | "pidfd_open"
            | "io_uring_setup"
            | "futex_waitv"
            | "futex_wait"
            | "futex_wake"
            | "landlock_create_ruleset"
            | "copy_file_range"
            | "memfd_secret"
            | "cachestat"
            | "mseal"
    )
}

/// Whether these flags open a path to be written.
pub(super) fn writes(flags: u64) -> bool {
    use rustix::fs::OFlags;
    let writing = OFlags::WRONLY | OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC;
    let flags = OFlags::from_bits_retain(u32::try_from(flags & 0xffff_ffff).unwrap_or_default());
    flags.intersects(writing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::syscalls::numbers::{ESTABLISHED, RECENT};

    #[test]
    fn every_shape_is_that_of_a_call_that_exists_and_its_arguments_are_among_six() {
        let known: Vec<_> = ESTABLISHED.iter().chain(RECENT).map(|call| call.name).collect();
        let shaped: Vec<_> = known.iter().filter_map(|name| shape(name)).collect();
        assert!(shaped.len() > 40, "{}", shaped.len());
        for Shape { directory, path, .. } in shaped {
            assert!(path < 6 && directory.is_none_or(|directory| directory + 1 == path));
        }
        for name in ["clone", "fork", "vfork", "clone3"] {
            assert!(makes_a_process(name) && known.contains(&name));
        }
    }

    #[test]
    fn what_only_reads_is_told_from_what_writes() {
        assert!(!writes(0) && !writes(0o2_000_000));
        for flags in [1, 2, 0o100, 0o1000, 0o101] {
            assert!(writes(flags), "{flags:o}");
        }
    }
}
