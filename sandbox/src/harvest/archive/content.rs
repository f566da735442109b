//! What the name and the first bytes of a member tell.
#![forbid(unsafe_code)]

/// As many first bytes as [`is_archive`] and [`is_native`] look at.
pub(super) const HEAD: usize = 6;

/// Whether a member is an archive or compressed file itself.
pub(super) fn is_archive(name: &str, head: &[u8]) -> bool {
    const MAGIC: [&[u8]; 5] =
        [b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"];
    const SUFFIXES: [&str; 6] = [".whl", ".zip", ".egg", ".jar", ".tar", ".tgz"];
    MAGIC.iter().any(|magic| head.starts_with(magic))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// Whether a member is machine code for Linux.
pub(super) fn is_native(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF")
}

/// Whether the file, by its path from a directory of `sys.path`, is run by the interpreter at
/// every start: path configuration files, the two modules that `site` imports, and the start
/// files of PEP 829.
pub(super) fn is_start_up(path: &str) -> bool {
    let (first, deeper) = match path.split_once('/') {
        Some((first, _)) => (first, true),
        None => (path, false),
    };
    let module = first.split('.').next().unwrap_or_default();
    let suffix = [".pth", ".start"].iter().any(|suffix| first.ends_with(suffix));
    (suffix && !deeper) || matches!(module, "sitecustomize" | "usercustomize")
}

/// Whether the file, by its path from the root of an environment, replaces a part of it that
/// other programs start or trust.
pub(super) fn is_environment(path: &str) -> bool {
    const PROGRAMS: [&str; 14] = [
        "env", "sh", "bash", "id", "sudo", "su", "unshare", "setpriv", "bwrap", "bulkhead", "ip",
        "git", "cc", "gcc",
    ];
    match path.split_once('/') {
        None => path.eq_ignore_ascii_case("pyvenv.cfg"),
        Some(("bin", program)) => {
            ["python", "pip", "activate"].iter().any(|it| program.starts_with(it))
                || PROGRAMS.contains(&program)
        }
        Some(("etc", _)) => false,
        Some(_) => [".pth", "customize.py"].iter().any(|it| path.ends_with(it)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_run_at_every_start_are_known() {
        for path in ["x.pth", "sitecustomize.py", "usercustomize/__init__.py", "x.start"] {
            assert!(is_start_up(path), "{path}");
        }
        for path in ["pkg/x.pth", "pkg/sitecustomize.py", "pth", "sitecustomize_.py"] {
            assert!(!is_start_up(path), "{path}");
        }
    }

    #[test]
    fn parts_of_an_environment_are_known() {
        for path in ["pyvenv.cfg", "bin/python3", "bin/unshare", "lib/python3.12/x.pth"] {
            assert!(is_environment(path), "{path}");
        }
        for path in ["bin/cmake", "share/man/man1/x.1", "etc/x.conf", "share/python"] {
            assert!(!is_environment(path), "{path}");
        }
    }

    #[test]
    fn archives_are_known_by_content_or_name() {
        assert!(is_archive("data.bin", b"PK\x03\x04ab"));
        assert!(is_archive("x.whl", b""));
        assert!(!is_archive("x.py", b"import"));
        assert!(is_native(b"\x7fELF\x02\x01") && !is_native(b"\x7fEL"));
    }
}
