//! Programs that lend whoever starts them a privilege: copies of cat(1), in a mount of their own.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, XattrFlags, fsetxattr, openat};

use super::super::layout::HELPERS;
use super::super::root::Root;

/// Where the program that is copied may be.
const CAT: [&str; 2] = ["/usr/bin/cat", "/bin/cat"];
/// `struct vfs_cap_data`, capabilities(7): version 2, effective at once; `CAP_DAC_READ_SEARCH` is
/// permitted, nothing is inheritable.
const READ_EVERYTHING: [u32; 5] = [0x0200_0001, 1 << 2, 0, 0, 0];

/// Version 3 of it: the same for those whose root is the user that follows.
const FOR_USER: u32 = 0x0300_0001;

/// Puts the helper `name`, which belongs to `owner`, in its place, which is returned.
pub(super) fn place(root: &Root, name: &str, is_set_uid: bool, owner: u32) -> io::Result<PathBuf> {
    let program = CAT.iter().find_map(|path| std::fs::read(path).ok());
    let program = program.ok_or_else(|| io::Error::other("this machine has no cat(1) to copy"))?;
    let path = PathBuf::from(HELPERS).join(name);
    root.write(&path, if is_set_uid { 0o4755 } else { 0o755 }, &program)?;
    if !is_set_uid {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(root.directory(HELPERS.as_ref())?, name, flags, Mode::empty())?;
        let [version, rest @ ..] = READ_EVERYTHING;
        let words = match owner {
            0 => [[version].as_slice(), &rest].concat(),
            user => [[FOR_USER].as_slice(), &rest, &[user]].concat(),
        };
        let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        fsetxattr(file.as_fd(), "security.capability", &value, XattrFlags::empty())?;
    }
    Ok(path)
}
