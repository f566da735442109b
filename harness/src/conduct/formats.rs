//! Which program the kernel starts for which kind of file (`binfmt_misc`): root of a lab can tell it, and
//! then it does so for the whole machine.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use rustix::fs::{Dir, Mode, OFlags, openat};

use crate::lab::mounts::{INERT, detached};

/// The file by which something is told.
const REGISTER: &str = "register";
/// No entry is longer, in bytes.
const LONGEST: u64 = 64 << 10;

/// What the kernel was told, by name.
#[derive(Debug, Default)]
pub(super) struct Formats {
    /// A mount that is attached nowhere; none where the kernel has nothing of the kind.
    place: Option<OwnedFd>,
    told: BTreeMap<OsString, Vec<u8>>,
}

impl Formats {
    /// Asks.
    pub(super) fn look() -> Self {
        // A kernel that has not loaded it was told nothing, and is not to load it for us.
        let known = std::fs::read_to_string("/proc/filesystems")
            .is_ok_and(|all| all.lines().any(|line| line.ends_with("\tbinfmt_misc")));
        // A mount is only named by its descriptor; to list it, it has to be opened.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = || {
            let mount = detached("binfmt_misc", &[], INERT).ok()?;
            openat(mount, ".", flags, Mode::empty()).ok()
        };
        let place = known.then(opened).flatten();
        let told = place.as_ref().map(all).unwrap_or_default();
        Self { place, told }
    }

    /// What it was told since then, one sentence each; it is taken back.
    pub(super) fn clear(&self) -> Vec<String> {
        let Some(place) = &self.place else { return Vec::new() };
        let now = all(place);
        let mut sentences = Vec::new();
        for (name, _) in now.iter().filter(|(name, _)| !self.told.contains_key(*name)) {
            let done =
                if write(place, name, b"-1") { "was removed" } else { "could not be removed" };
            sentences.push(format!(
                "the host starts a program for files of the kind `{}`; it {done}",
                name.to_string_lossy()
            ));
        }
        for (name, before) in
            self.told.iter().filter(|(name, before)| now.get(*name) != Some(before))
        {
            let word: &[u8] = if before.starts_with(b"enabled") { b"1" } else { b"0" };
            let _tried = now.contains_key(name) && write(place, name, word);
            let again = read(place, name).as_ref() == Some(before);
            let how = if again { "it was set back" } else { "it is not what it was" };
            let name = name.to_string_lossy();
            sentences.push(format!("the kind of files `{name}` (binfmt_misc) was changed; {how}"));
        }
        sentences
    }
}

fn all(place: &OwnedFd) -> BTreeMap<OsString, Vec<u8>> {
    let entries = Dir::read_from(place).into_iter().flatten().flatten();
    let names = entries.map(|entry| OsString::from_vec(entry.file_name().to_bytes().to_owned()));
    let names = names.filter(|name| !name.as_bytes().starts_with(b".") && name != REGISTER);
    names.filter_map(|name| Some((name.clone(), read(place, &name)?))).collect()
}

fn read(place: &OwnedFd, name: &OsStr) -> Option<Vec<u8>> {
    let file = openat(place, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    File::from(file).take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn write(place: &OwnedFd, name: &OsStr, word: &[u8]) -> bool {
    let file = openat(place, name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
    file.is_ok_and(|file| File::from(file).write_all(word).is_ok())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::text(b"text")]
    #[case::no_text(b"\xff")]
    fn what_the_kernel_was_told_is_taken_back_and_told_once(#[case] ends: &[u8]) {
        let before = Formats::look();
        let Some(place) = &before.place else { return };
        // Of files that there are not, and for which nothing would be done.
        let name = format!("bulkhead-test-{}-", std::process::id()).into_bytes();
        let name = OsString::from_vec([&name, ends].concat());
        let rule =
            [b":", name.as_bytes(), b":M::\\x7fBULKHEAD-TEST-", ends, b"::/bin/false:"].concat();
        if !write(place, OsStr::new(REGISTER), &rule) {
            eprintln!("skipped: nothing can be told here");
            return;
        }
        assert!(all(place).contains_key(&name) && before.told.contains_key(OsStr::new("status")));
        let told = before.clear();
        assert!(
            told.iter()
                .any(|told| told.contains(&*name.to_string_lossy()) && told.contains("removed")),
            "{told:?}"
        );
        assert_eq!(all(place), before.told);
        assert_eq!(before.clear(), Vec::<String>::new());
    }
}
