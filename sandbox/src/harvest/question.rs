//! What is asked about hostile bytes, and what may be answered. Whoever reads them answers, see
//! [`examine`]; whoever asks believes nothing of it that it cannot see for itself, see
//! [`Opinion::is_sound`].
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::BorrowedFd;

use sha2::{Digest as _, Sha256};

use super::answer::{self, Answer, Return};
use super::archive;
use super::limits::Limits;
use super::metadata;
use super::names::{Artefact, NameError, Release};
use super::note::{MOST_OF_A_KIND, Note, NoteKind};
use super::refused::Why;
use crate::pep517::{HookKind, Product};
use crate::plain::plain;

/// What is asked about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What does this `output.json` of the hook say?
    Answer(HookKind),
    /// Is this what the hook should make, and what its name says, of one of these releases?
    Archive(HookKind, String, Vec<Release>),
    /// Is this the metadata of the directory of that name, of one of these releases?
    Metadata(String, Vec<Release>),
    /// Is the file of that name, in the metadata directory of one of these releases, what others read
    /// alike, and what does it do?
    Part(String, Vec<Release>),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// The hook answered this.
    Answer(Return),
    /// It is, with what is remarkable about it, and the SHA-256 of all its bytes.
    Archive(Vec<Note>, [u8; 32]),
    /// It is, with the SHA-256 of all its bytes.
    Metadata([u8; 32]),
    /// It is not handed over, for this reason.
    Refused(String),
}

/// Who reads hostile bytes.
pub trait Inspector {
    /// Asks about `file`, which was opened for reading and may be read from any place in it.
    ///
    /// # Errors
    /// Nothing was answered.
    fn ask(&mut self, question: &Question, file: BorrowedFd<'_>) -> Result<Opinion, Why>;

    /// Whether the call goes on, for which it asks; no answer is waited for.
    fn goes_on(&mut self) -> bool {
        true
    }
}

/// Answers a question about `file`. To be called where the file may do no harm.
pub fn examine(question: &Question, file: &mut File, limits: &Limits) -> Opinion {
    opinion(question, file, limits)
        .unwrap_or_else(|why| Opinion::Refused(shortened(&why.to_string())))
}

/// The longest sentence that is answered, in bytes, before it is made plain.
const SENTENCE: usize = 4096;

/// The longest one that is taken. A text that is made plain gets longer by half at the most: one
/// character is put into what has two at least.
const PLAIN_SENTENCE: usize = 2 * SENTENCE;

/// The reason as it may be shown, no longer than it is taken. A name in it may have any length, and what
/// is wrong with it stands behind: so what is too long is cut in the middle.
fn shortened(why: &str) -> String {
    const END: usize = 1024;
    if why.len() <= SENTENCE {
        return plain(why);
    }
    let begin = why.get(..why.floor_char_boundary(SENTENCE - END - 8)).unwrap_or_default();
    let end = why.get(why.ceil_char_boundary(why.len() - END)..).unwrap_or_default();
    plain(&format!("{begin} \u{2026} {end}"))
}

fn opinion(question: &Question, file: &mut File, limits: &Limits) -> Result<Opinion, Why> {
    Ok(match question {
        Question::Answer(hook) => {
            let bytes = whole(file, limits.json.bytes)?;
            Opinion::Answer(answer::parse(&bytes, *hook, limits)?)
        }
        Question::Archive(hook, name, releases) => {
            let artefact = Artefact { releases: releases.clone(), ..artefact(*hook, name)? };
            let notes = archive::inspect(file, &artefact, limits)?;
            Opinion::Archive(notes, digest(file).map_err(Why::Read)?)
        }
        Question::Metadata(name, releases) => {
            Artefact::dist_info(name)?;
            let bytes = whole(file, limits.metadata_bytes)?;
            let wanted = |found: &Release| releases.iter().any(|release| release.admits(found));
            metadata::check(&bytes, wanted)?;
            Opinion::Metadata(Sha256::digest(&bytes).into())
        }
        Question::Part(name, releases) => {
            let bytes = whole(file, limits.metadata_bytes)?;
            let notes = archive::part(name, &bytes, releases)?;
            Opinion::Archive(notes, Sha256::digest(&bytes).into())
        }
    })
}

/// What the name of a product promises.
pub(super) fn artefact(hook: HookKind, name: &str) -> Result<Artefact, NameError> {
    match hook.product() {
        Product::Sdist => Artefact::sdist(name),
        Product::DistInfo => Artefact::dist_info(name),
        _ => Artefact::wheel(name),
    }
}

fn whole(file: &mut File, limit: u64) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    file.rewind().map_err(Why::Read)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(Why::Read)?;
    match u64::try_from(bytes.len()) {
        Ok(size) if size <= limit => Ok(bytes),
        _ => Err(Why::TooLarge { limit }),
    }
}

fn digest(file: &mut File) -> io::Result<[u8; 32]> {
    file.rewind()?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 128 << 10]);
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some(piece) if !piece.is_empty() => hash.update(piece),
            _ => return Ok(hash.finalize().into()),
        }
    }
}

impl Opinion {
    /// Whether it answers `question` and holds nothing that could do harm, whoever gave it: the checks
    /// here are those that can be seen at one look.
    #[must_use]
    pub fn is_sound(&self, question: &Question) -> bool {
        match (self, question) {
            (Self::Refused(why), _) => why.len() <= PLAIN_SENTENCE,
            (Self::Archive(notes, _), Question::Archive(..) | Question::Part(..)) => {
                notes.len() <= NoteKind::ALL.len() * MOST_OF_A_KIND
            }
            (Self::Metadata(_), Question::Metadata(..)) => true,
            (Self::Answer(returned), Question::Answer(hook)) => {
                returned.hook == *hook && is_harmless(&returned.answer, *hook)
            }
            _ => false,
        }
    }
}

fn is_harmless(answer: &Answer, hook: HookKind) -> bool {
    match answer {
        Answer::File { name, .. } => is_file_name(name, hook),
        Answer::Requirements(list) => list.iter().all(|text| is_requirement(text)),
        Answer::Features(list) => list.iter().all(|feature| feature == "build_editable"),
        _ => true,
    }
}

/// One component of letters, digits and `._-+!`, which ends as what the hook makes does.
fn is_file_name(name: &str, hook: HookKind) -> bool {
    let end = match hook.product() {
        Product::Wheel => ".whl",
        Product::Sdist => ".tar.gz",
        Product::DistInfo => ".dist-info",
        Product::Requirements | Product::Features => return false,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+!".contains(&byte);
    name.len() <= 255 && name.bytes().all(plain) && !name.starts_with('.') && name.ends_with(end)
}

/// One line that names no place: no address, no path, no option, no comment.
fn is_requirement(text: &str) -> bool {
    let (head, marker) = text.split_once(';').unwrap_or((text, ""));
    text.len() <= 2048
        && text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        && head.trim_start().starts_with(|first: char| first.is_ascii_alphanumeric())
        && !head.contains(['/', '\\', ':', '@', '#', '$', '%', '?', '&'])
        && !marker.contains(['\\', '@', '#', '$'])
}

#[cfg(test)]
pub(super) mod direct {
    use std::os::fd::OwnedFd;

    use super::*;

    /// One who reads in this process.
    pub(in crate::harvest) struct Direct;

    impl Inspector for Direct {
        fn ask(&mut self, question: &Question, file: BorrowedFd<'_>) -> Result<Opinion, Why> {
            let file: OwnedFd = file.try_clone_to_owned().map_err(Why::Read)?;
            Ok(examine(question, &mut file.into(), &Limits::default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn answer(answer: Answer, hook: HookKind) -> bool {
        let returned = Return { hook, answer, warnings: Vec::new() };
        Opinion::Answer(returned).is_sound(&Question::Answer(hook))
    }

    #[rstest]
    #[case("pkg-1.0-py3-none-any.whl", true)]
    #[case("pkg-1.0.tar.gz", false)]
    #[case("../pkg-1.0-py3-none-any.whl", false)]
    #[case(".bulkhead.whl", false)]
    #[case("a/b.whl", false)]
    #[case("a\n.whl", false)]
    fn a_name_is_one_plain_component_whoever_gives_it(#[case] name: &str, #[case] sound: bool) {
        let artefact = Artefact::wheel("pkg-1.0-py3-none-any.whl").unwrap();
        let file = Answer::File { name: name.to_owned(), artefact };
        assert_eq!(answer(file, HookKind::BuildWheel), sound);
    }

    #[rstest]
    #[case("setuptools>=61 ; python_version < '3.9' and 'a/b' == extra", true)]
    #[case("a[x,y] (~=1.0)", true)]
    #[case("a @ http://203.0.113.7/a", false)]
    #[case("./a.whl", false)]
    #[case("-r x", false)]
    #[case("a\nb", false)]
    #[case("a # x", false)]
    fn a_requirement_names_no_place_whoever_gives_it(#[case] text: &str, #[case] sound: bool) {
        let list = Answer::Requirements(vec![text.to_owned()]);
        assert_eq!(answer(list, HookKind::GetRequiresForBuildWheel), sound);
    }

    #[rstest]
    #[case("##[")]
    #[case("##vso[")]
    #[case("section_start:")]
    #[case("::x\n")]
    #[case("\u{1b}[1mx")]
    #[case("\r")]
    #[case("\u{fffd}")]
    #[case("\u{e9}")]
    fn a_reason_is_sound_however_long_it_gets_by_being_made_plain(#[case] part: &str) {
        for times in [1, 600, 1360, 1366, 3000] {
            let unclear = "x".repeat(times % 7) + &part.repeat(times) + ": it is too long";
            let said = shortened(&unclear);
            assert!(said.ends_with(": it is too long"), "{said}");
            let again = Opinion::Refused(plain(&said));
            let asked = Question::Answer(HookKind::BuildWheel);
            assert_eq!((plain(&said), again.is_sound(&asked)), (said, true), "{part:?} {times}");
        }
    }

    #[test]
    fn an_opinion_about_something_else_is_not_sound() {
        let metadata = Opinion::Metadata([0; 32]);
        assert!(metadata.is_sound(&Question::Metadata("a-1.dist-info".into(), vec![])));
        assert!(!metadata.is_sound(&Question::Archive(HookKind::BuildWheel, "a".into(), vec![])));
    }
}
