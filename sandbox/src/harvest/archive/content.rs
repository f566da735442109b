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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_content_or_name() {
        assert!(is_archive("data.bin", b"PK\x03\x04ab"));
        assert!(is_archive("x.whl", b""));
        assert!(!is_archive("x.py", b"import"));
        assert!(is_native(b"\x7fELF\x02\x01") && !is_native(b"\x7fEL"));
    }
}
