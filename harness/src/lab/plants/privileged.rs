//! Programs that lend whoever starts them a privilege: copies of cat(1), and a sudo(8) that asks for
//! nothing, in a mount of their own.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, XattrFlags, fsetxattr, openat};

use super::super::layout::HELPERS;
use super::super::root::Root;

/// Where the program that is copied may be.
const CAT: [&str; 2] = ["/usr/bin/cat", "/bin/cat"];
/// `struct vfs_cap_data`, capabilities(7): version 2, effective at once; `CAP_DAC_OVERRIDE` is
/// permitted, nothing is inheritable. The one that only reads is withheld from a lab.
const READ_EVERYTHING: [u32; 5] = [0x0200_0001, 1 << 1, 0, 0, 0];

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

/// Where a shell that is copied may be.
const SHELL: [&str; 2] = ["/usr/bin/sh", "/bin/sh"];
/// What makes a process root for good, whatever it was before.
const SETPRIV: [&str; 2] = ["/usr/bin/setpriv", "/bin/setpriv"];
/// Where sudo(8) is looked for.
const SUDO: &str = "/usr/bin/sudo";

/// Puts a sudo(8) in its place that asks for no password, which is returned: a script, whose
/// interpreter is a set-user-ID copy of the shell. It knows the options that take no part in whom
/// somebody becomes, and becomes root.
pub(super) fn sudo(root: &Root) -> io::Result<PathBuf> {
    let shell = SHELL.iter().find_map(|path| std::fs::read(path).ok());
    let shell = shell.ok_or_else(|| io::Error::other("this machine has no sh(1) to copy"))?;
    let setpriv = SETPRIV.iter().find(|path| Path::new(path).exists());
    let setpriv = setpriv.ok_or_else(|| {
        io::Error::other("this machine has no setpriv(1); install it (package util-linux)")
    })?;
    let interpreter = PathBuf::from(HELPERS).join("sh");
    root.write(&interpreter, 0o4755, &shell)?;
    // Without -p the shell would give up at once what it was lent.
    let script = format!(
        "#!{} -p\n\
         while :; do case $1 in\n\
         --) shift; break;; -[ugpCT]) shift 2;; -*|*=*) shift;; *) break;;\n\
         esac; done\n\
         exec {setpriv} --reuid=0 --regid=0 --clear-groups \\\n    \
         /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \"$@\"\n",
        interpreter.display()
    );
    root.write(Path::new(SUDO), 0o755, script.as_bytes())?;
    Ok(PathBuf::from(SUDO))
}
