//! What the front end finds in its output directory that could be used against it.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustix::fs::FileType;
use sha2::{Digest as _, Sha256};

use super::super::evidence::{Entry, Evidence};
use super::{taken, tar, zip};
use crate::catalogue::attack::Hostility;

/// An archive that unpacks to more than this many times its length is a bomb …
const RATIO: u64 = 100;
/// … unless it is small all the same.
const SMALL: u64 = 16 << 20;

/// The hostile thing of the kind `what`.
#[must_use]
pub fn seen(evidence: &Evidence, what: Hostility) -> Option<String> {
    match what {
        Hostility::NameOutside => named_outside(&evidence.items),
        Hostility::Extra => extra(&evidence.entries, &evidence.items),
        Hostility::Directory => directory(&evidence.entries, &evidence.items),
        _ => evidence
            .entries
            .iter()
            .find(|entry| is_hostile(entry, what))
            .map(|entry| format!("{} is hostile: {}", entry.name, word(what))),
    }
}

const fn word(what: Hostility) -> &'static str {
    match what {
        Hostility::Symlink => "a symbolic link",
        Hostility::Fifo => "a FIFO",
        Hostility::Device => "a device",
        Hostility::Socket => "a socket",
        Hostility::Directory => "a directory",
        Hostility::HardLink => "a second name of another file",
        Hostility::SetId => "a set-id bit",
        Hostility::NameOutside => "a name outside",
        Hostility::Extra => "an extra file",
        Hostility::ZipTraversal | Hostility::TarTraversal => "a member is unpacked outside",
        Hostility::ZipSymlink => "a member is a symbolic link",
        Hostility::ZipDuplicate | Hostility::TarDuplicate => "two members of one name",
        Hostility::Bomb => "it unpacks to far more than it is",
        Hostility::RecordMismatch => "RECORD does not describe the members",
        Hostility::MetadataMismatch => "the metadata name another project",
        Hostility::TarLink => "a member is a link that leads outside",
        Hostility::TarDevice => "a member is a device or a FIFO",
        Hostility::TarTwoNames => "a member has a name for each reader",
        Hostility::TarHidden => "something lies where no member is",
        Hostility::Twin => "two members have names that are one elsewhere",
        Hostility::ZipHidden => "a second archive lies between its members",
        Hostility::BuildTag => "a build tag that nobody asked for",
        Hostility::StartUp => "a file that every start of the interpreter runs",
        Hostility::Program => "a program that is run in the place of another",
        Hostility::ProgramOutside => "a program that lies outside of its directory",
        Hostility::OtherRelease => "it counts as another release that is installed",
        Hostility::ShellStartUp => "a file that shells run when they enter the environment",
    }
}

fn is_hostile(entry: &Entry, what: Hostility) -> bool {
    let zip = || zip::members(&entry.content).unwrap_or_default();
    let tar = || tar::members(&entry.content).map(|(members, _)| members).unwrap_or_default();
    match what {
        Hostility::Symlink => entry.kind == FileType::Symlink,
        Hostility::Fifo => entry.kind == FileType::Fifo,
        Hostility::Socket => entry.kind == FileType::Socket,
        Hostility::Device => {
            matches!(entry.kind, FileType::CharacterDevice | FileType::BlockDevice)
        }
        Hostility::HardLink => entry.kind == FileType::RegularFile && entry.linked,
        Hostility::SetId => {
            entry.mode & 0o6000 != 0
                || zip().iter().any(|member| member.mode & 0o6000 != 0)
                || tar().iter().any(|member| member.mode & 0o6000 != 0)
        }
        Hostility::ZipTraversal => zip().iter().any(|member| leads_outside(&member.name)),
        Hostility::ZipSymlink => zip().iter().any(|member| member.mode & 0o170_000 == 0o120_000),
        Hostility::ZipDuplicate => zip::ambiguous(&zip()).is_some(),
        Hostility::Bomb => is_bomb(&entry.content),
        Hostility::RecordMismatch => {
            zip::members(&entry.content).is_some_and(|members| !is_recorded(&members))
        }
        Hostility::MetadataMismatch => {
            zip::members(&entry.content).is_some_and(|members| !is_named(&entry.name, &members))
        }
        Hostility::TarTraversal => tar().iter().any(|member| leads_outside(&member.name)),
        Hostility::TarLink => tar().iter().any(|member| match member.kind {
            b'1' => leads_outside(&member.target),
            b'2' => {
                let folder = Path::new(&member.name).parent().unwrap_or(Path::new(""));
                leads_outside(&folder.join(&member.target).to_string_lossy())
            }
            _ => false,
        }),
        Hostility::TarDevice => {
            tar().iter().any(|member| matches!(member.kind, b'3' | b'4' | b'6'))
        }
        Hostility::TarDuplicate => {
            let mut names = BTreeSet::new();
            tar().iter().any(|member| !names.insert(member.name.clone()))
        }
        Hostility::TarHidden => tar::hides(&entry.content),
        Hostility::TarTwoNames => tar().iter().any(taken::has_two_names),
        Hostility::Twin => {
            let names = zip().into_iter().map(|member| member.name);
            taken::has_twins(names.chain(tar().into_iter().map(|member| member.name)))
        }
        Hostility::ZipHidden => taken::is_hidden(&entry.content),
        Hostility::BuildTag => taken::is_tagged(&entry.name),
        Hostility::StartUp => zip().iter().any(|member| taken::starts(&member.name)),
        Hostility::Program => taken::programs(&zip()).iter().any(|name| taken::replaces(name)),
        Hostility::ProgramOutside => taken::programs(&zip()).iter().any(|name| leads_outside(name)),
        Hostility::OtherRelease => {
            zip().iter().any(|member| taken::is_of_another(&entry.name, &member.name))
        }
        Hostility::ShellStartUp => zip().iter().any(|member| taken::enters(&member.name)),
        Hostility::NameOutside | Hostility::Extra | Hostility::Directory => false,
    }
}

/// Whether a path leaves the place where it is resolved. Backslashes are separators to some.
fn leads_outside(path: &str) -> bool {
    let path = path.replace('\\', "/");
    let mut depth = 0_i32;
    for part in Path::new(&path).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth -= 1,
            Component::RootDir | Component::Prefix(_) => return true,
        }
        if depth < 0 {
            return true;
        }
    }
    path.get(1..2) == Some(":")
}

fn is_bomb(content: &[u8]) -> bool {
    let unpacked = match (zip::members(content), tar::members(content)) {
        (Some(members), _) => members
            .iter()
            .map(|member| member.size.max(member.content.len() as u64))
            .fold(0, u64::saturating_add),
        (None, Some((_, length))) => length as u64,
        (None, None) => 0,
    };
    unpacked > SMALL && unpacked / RATIO > content.len() as u64
}

/// Whether `RECORD` lists every member with its digest, and nothing else.
fn is_recorded(members: &[zip::Member]) -> bool {
    let Some(record) = members.iter().find(|member| member.name.ends_with(".dist-info/RECORD"))
    else {
        return false;
    };
    let text = String::from_utf8_lossy(&record.content).into_owned();
    let listed: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.rsplitn(3, ',');
            let (_, digest, name) = (fields.next()?, fields.next()?, fields.next()?);
            Some((name.trim_matches('"').to_owned(), digest.to_owned()))
        })
        .collect();
    let of = |content: &[u8]| {
        format!("sha256={}", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(content)))
    };
    let files = || members.iter().filter(|member| !member.name.ends_with('/'));
    files().all(|member| {
        let digest = listed.get(&member.name);
        digest.is_some_and(|digest| member.name == record.name || *digest == of(&member.content))
    }) && listed.keys().all(|name| files().any(|member| member.name == *name))
}

/// Whether the metadata of a wheel name the project and version of its file name.
fn is_named(file: &str, members: &[zip::Member]) -> bool {
    let Some(member) = members.iter().find(|member| member.name.ends_with(".dist-info/METADATA"))
    else {
        return false;
    };
    let text = String::from_utf8_lossy(&member.content).into_owned();
    let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let plain = |name: &str| name.to_lowercase().replace(['-', '.'], "_");
    let mut parts = file.split('-');
    let same = |part: Option<&str>, key| part.map(plain) == field(key).map(plain);
    same(parts.next(), "Name:") && same(parts.next(), "Version:")
}

/// A name that a hook returned and that leads out of the output directory.
fn named_outside(items: &[(String, Vec<String>)]) -> Option<String> {
    let outside = |name: &String| name.contains('/') || name.contains('\\') || name == "..";
    let (hook, _) = items
        .iter()
        .find(|(hook, names)| !hook.starts_with("get_requires") && names.iter().any(outside))?;
    Some(format!("{hook} returned a name outside the output directory"))
}

fn named(items: &[(String, Vec<String>)]) -> impl Fn(&str) -> bool {
    |name| {
        let mut artefacts = items.iter().filter(|(hook, _)| !hook.starts_with("get_requires"));
        artefacts.any(|(_, names)| names.iter().any(|other| other == name))
    }
}

/// A file that no hook named.
fn extra(entries: &[Entry], items: &[(String, Vec<String>)]) -> Option<String> {
    let named = named(items);
    let top = |entry: &&Entry| !named(entry.name.split('/').next().unwrap_or_default());
    let entry = entries.iter().find(top)?;
    Some(format!("{} is in the output directory, and no hook named it", entry.name))
}

/// A directory where a file should be.
fn directory(entries: &[Entry], items: &[(String, Vec<String>)]) -> Option<String> {
    let is_metadata = |name: &str| {
        items.iter().any(|(hook, names)| {
            hook.starts_with("prepare_metadata") && names.iter().any(|other| other == name)
        })
    };
    let wrong = |entry: &&Entry| {
        entry.kind == FileType::Directory && !entry.name.contains('/') && !is_metadata(&entry.name)
    };
    let entry = entries.iter().find(wrong)?;
    Some(format!("{} is a directory", entry.name))
}

/// Whether a seed of this kind is noticed, and an honest artefact is not; the reason otherwise.
#[must_use]
pub fn self_test(what: Hostility) -> Option<String> {
    let notices = match what {
        Hostility::NameOutside => named_outside(&[returned("../x.whl")]).is_some(),
        Hostility::Extra => extra(&[Entry::file("y.whl", b"")], &[returned("x.whl")]).is_some(),
        Hostility::Directory => {
            let entry = Entry { kind: FileType::Directory, ..Entry::file("x.whl", b"") };
            directory(&[entry], &[returned("x.whl")]).is_some()
        }
        _ => is_hostile(&seed(what), what) && !is_hostile(&honest(), what),
    };
    (!notices).then(|| format!("a seeded artefact is not noticed: {}", word(what)))
}

fn returned(name: &str) -> (String, Vec<String>) {
    ("build_wheel".to_owned(), vec![name.to_owned()])
}

const METADATA: &[u8] = b"Metadata-Version: 2.1\nName: x\nVersion: 1\n";

/// A wheel without fault.
fn honest() -> Entry {
    let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(METADATA));
    let record = format!("x-1.dist-info/METADATA,sha256={digest},40\nx-1.dist-info/RECORD,,\n");
    let members: [(&str, u32, &[u8]); 2] = [
        ("x-1.dist-info/METADATA", 0o100_644 << 16, METADATA),
        ("x-1.dist-info/RECORD", 0o100_644 << 16, record.as_bytes()),
    ];
    Entry::file("x-1-py3-none-any.whl", &zip::sample(&members))
}

/// An artefact with the one fault.
fn seed(what: Hostility) -> Entry {
    let plain = Entry::file("x-1-py3-none-any.whl", b"");
    let kind = |kind| Entry { kind, ..plain.clone() };
    let zipped = |members: &[(&str, u32, &[u8])]| Entry::file(&plain.name, &zip::sample(members));
    let tarred = |members: &[(&str, u8, &str)]| Entry::file("x-1.tar.gz", &tar::sample(members));
    match what {
        Hostility::Symlink => kind(FileType::Symlink),
        Hostility::Fifo => kind(FileType::Fifo),
        Hostility::Socket => kind(FileType::Socket),
        Hostility::Device => kind(FileType::CharacterDevice),
        Hostility::HardLink => Entry { linked: true, ..plain },
        Hostility::SetId => Entry { mode: 0o4755, ..plain },
        Hostility::ZipTraversal => zipped(&[("a/../../x", 0, b"")]),
        Hostility::ZipSymlink => zipped(&[("x", 0o120_777 << 16, b"/etc")]),
        Hostility::ZipDuplicate => zipped(&[("x", 0, b""), ("x", 0, b"")]),
        Hostility::Bomb => {
            let mut archive = zip::sample(&[("x", 0, b"")]);
            // The size in the directory: it is believed where it is larger than what is there.
            let at = archive.windows(4).position(|four| four == b"PK\x01\x02").unwrap_or(0);
            if let Some(size) = archive.get_mut(at + 24..at + 28) {
                size.copy_from_slice(&u32::MAX.to_le_bytes());
            }
            Entry::file(&plain.name, &archive)
        }
        Hostility::RecordMismatch | Hostility::MetadataMismatch => zipped(&[
            ("x-1.dist-info/METADATA", 0, b"Name: y\nVersion: 1\n"),
            ("x-1.dist-info/RECORD", 0, b""),
        ]),
        Hostility::TarTraversal => tarred(&[("../x", b'0', "")]),
        Hostility::TarLink => tarred(&[("x-1/y", b'2', "../../etc")]),
        Hostility::TarDevice => tarred(&[("x-1/y", b'6', "")]),
        Hostility::TarDuplicate => tarred(&[("x-1/y", b'0', ""), ("x-1/y", b'0', "")]),
        Hostility::TarTwoNames => tarred(&[("x", b'L', "x-1/notes"), ("x-1/setup.py", b'0', "")]),
        Hostility::TarHidden => {
            let packed = [tar::sample(&[("x-1/y", b'0', "")]), tar::sample(&[])];
            Entry::file("x-1.tar.gz", &packed.concat())
        }
        Hostility::Twin => zipped(&[("x/a.py", 0, b""), ("x/A.py", 0, b"")]),
        Hostility::ZipHidden => zipped(&[("x", 0, &zip::sample(&[("y", 0, b"")]))]),
        Hostility::BuildTag => Entry::file("x-1-9-py3-none-any.whl", b""),
        Hostility::StartUp => {
            zipped(&[("x-1.data/data/lib/python3.11/site-packages/x.start", 0, b"")])
        }
        Hostility::Program => {
            zipped(&[("x-1.dist-info/entry_points.txt", 0, b"[console_scripts]\npip = x:y\n")])
        }
        Hostility::ProgramOutside => {
            zipped(&[("x-1.dist-info/entry_points.txt", 0, b"[gui_scripts]\n../y = x:y\n")])
        }
        Hostility::OtherRelease => {
            zipped(&[("x-1.data/purelib/y-2.dist-info/METADATA", 0, b"Name: y\nVersion: 2\n")])
        }
        Hostility::ShellStartUp => {
            zipped(&[("x-1.data/data/etc/conda/activate.d/x.sh", 0, b"# nothing\n")])
        }
        Hostility::Directory | Hostility::NameOutside | Hostility::Extra => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::spelling::Spelt as _;

    #[test]
    fn every_kind_of_hostile_artefact_is_noticed_and_an_honest_one_is_not() {
        for (what, name) in Hostility::WORDS {
            assert_eq!(self_test(*what), None, "{name}");
        }
        assert_eq!(extra(&[honest()], &[returned("x-1-py3-none-any.whl")]), None);
    }

    #[test]
    fn a_link_that_stays_within_the_sdist_is_honest() {
        let inner = tar::sample(&[("x-1/a/b", b'2', "../c")]);
        assert!(!is_hostile(&Entry::file("x-1.tar.gz", &inner), Hostility::TarLink));
    }
}
