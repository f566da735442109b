//! Hostile bytes for whatever reads them: each function takes any bytes, has them read as the product
//! would, and panics if what comes back breaks a promise. That nothing panics by itself, overflows or
//! goes on for ever is the fuzzer's to see.
//!
//! `tests/fuzz/run SECONDS` builds and runs all of them with the stable compiler; with cargo-fuzz it is
//! `cargo fuzz run --fuzz-dir tests/fuzz wheel`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sandbox::harvest::{Answer, Artefact, HookKind, Limits, Opinion, Question, examine};
use sandbox::pep517::HookCall;
use sandbox::policy::file::PolicyFile;

mod archives;

/// A file of these bytes that has no name.
fn file(bytes: &[u8]) -> File {
    let file = rustix::fs::memfd_create("fuzz", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(file);
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

/// Bounds that are reached by what a fuzzer makes.
fn limits() -> Limits {
    Limits {
        members: 64,
        parts: 256,
        unpacked_bytes: 4 << 20,
        ratio_from_bytes: 64 << 10,
        ..Limits::default()
    }
}

/// Has `bytes` looked into, and gives the answer; it must be one that a supervisor would take.
fn ask(question: &Question, bytes: &[u8]) -> Opinion {
    let opinion = examine(question, &mut file(bytes), &limits());
    assert!(opinion.is_sound(question), "{opinion:?}");
    if let Opinion::Refused(why) = &opinion {
        assert!(!why.is_empty() && !why.contains(['\0', '\x1b']), "{why:?}");
    }
    // What is looked into twice is found to be the same.
    assert_eq!(examine(question, &mut file(bytes), &limits()), opinion);
    opinion
}

/// A wheel: as it is, or made of what the bytes say and well-formed but for that.
pub fn wheel(data: &[u8]) {
    let name = "pkg-1.0-py3-none-any.whl";
    let releases = Artefact::wheel(name).unwrap().releases;
    let question = Question::Archive(HookKind::BuildWheel, name.to_owned(), releases);
    match data.split_first() {
        Some((first, rest)) if first % 2 == 1 => ask(&question, &archives::wheel(rest)),
        Some((_, rest)) => ask(&question, rest),
        None => ask(&question, data),
    };
}

/// An sdist: the bytes are a tar file whose sums are made right, and it is packed; or the packed file.
pub fn sdist(data: &[u8]) {
    let name = "pkg-1.0.tar.gz";
    let releases = Artefact::sdist(name).unwrap().releases;
    let question = Question::Archive(HookKind::BuildSdist, name.to_owned(), releases);
    match data.split_first() {
        Some((first, rest)) if first % 4 == 0 => ask(&question, rest),
        Some((_, rest)) => ask(&question, &archives::sdist(rest)),
        None => ask(&question, data),
    };
}

/// A file of a metadata directory, as each of those that are looked into. What is noted of its entry
/// points are plain names.
pub fn metadata(data: &[u8]) {
    for name in ["pkg-1.0.dist-info", "a_b-2!1.0.post1+l.1.dist-info"] {
        let releases = Artefact::dist_info(name).unwrap().releases;
        ask(&Question::Metadata(name.to_owned(), releases.clone()), data);
        ask(&Question::Part("WHEEL".to_owned(), releases.clone()), data);
        let points = "entry_points.txt";
        let Opinion::Archive(notes, _) = ask(&Question::Part(points.to_owned(), releases), data) else {
            continue;
        };
        for note in notes {
            let program = note.member.strip_prefix("entry_points.txt: ").unwrap();
            assert!(program.bytes().all(|byte| byte.is_ascii_graphic()), "{program:?}");
            assert!(!program.contains(['/', '\\', ':', ';', '#', '=']), "{program:?}");
        }
    }
}

/// What a hook returns; what is understood of it is written anew, and that must be understood as the
/// same.
pub fn output(data: &[u8]) {
    for hook in HookKind::ALL {
        let question = Question::Answer(hook);
        let Opinion::Answer(returned) = ask(&question, data) else { continue };
        let text = returned.to_json().to_string();
        let Opinion::Answer(again) = ask(&question, text.as_bytes()) else {
            panic!("{text} is not understood");
        };
        assert_eq!(again.answer, returned.answer, "{text}");
        if let Answer::Requirements(list) = &returned.answer {
            for requirement in list {
                assert!(!requirement.contains(['\n', '\r', '@']), "{requirement:?}");
            }
        }
    }
}

/// The words of a call of a hook, with a NUL between them; the last is what its `input.json` holds.
pub fn argv(data: &[u8]) {
    let place = place();
    let mut words: Vec<_> = data.split(|byte| *byte == 0).collect();
    let input = words.pop().unwrap_or_default();
    std::fs::write(place.join("control/input.json"), input).unwrap();
    let words: Vec<OsString> = words.into_iter().map(|word| in_place(place, word)).collect();
    let source = place.join("source");
    if let Ok(call) = HookCall::parse(&words, &source, &[]) {
        let trees: Vec<_> = call.trees().map(|tree| tree.path).collect();
        // What it may write is open, and no link was followed to it.
        let _ = (call.open_output(), call.open_control());
        assert!(trees.iter().all(|path| path.is_absolute()), "{trees:?}");
    }
}

/// A directory with what a call names.
fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = std::env::temp_dir().join(format!("bulkhead-fuzz-{}", std::process::id()));
        for name in ["source", "control", "dist", "metadata"] {
            std::fs::create_dir_all(place.join(name)).unwrap();
        }
        std::fs::write(place.join("_in_process.py"), "").unwrap();
        place
    })
}

/// The word, where `%` stands for the directory.
fn in_place(place: &Path, word: &[u8]) -> OsString {
    match word.split_first() {
        Some((b'%', rest)) => [place.as_os_str(), OsStr::from_bytes(rest)].iter().copied().collect(),
        _ => OsStr::from_bytes(word).to_owned(),
    }
}

/// A policy file.
pub fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match PolicyFile::parse("policy.toml", &text) {
        Ok(file) => {
            let _ = (file.policy(None, None), file.paths(None).count(), file.artefacts(None));
        }
        Err(mistakes) => assert!(!mistakes.to_string().is_empty()),
    }
}
