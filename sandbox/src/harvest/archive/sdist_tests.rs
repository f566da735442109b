//! Sdists as back ends write them, and as attackers do.

use std::io::{Cursor, Write as _};

use flate2::GzBuilder;
use proptest::prelude::*;
use rstest::rstest;

use super::build_tests::*;
use super::*;
use crate::harvest::note::NoteKind;

fn inspected(bytes: &[u8], limits: &Limits) -> Result<Vec<Note>, ArchiveError> {
    let artefact = Artefact::sdist("my_pkg-1.0.tar.gz").unwrap();
    inspect(&mut Cursor::new(bytes), &artefact, limits)
}

fn inspected_tar(more: &[Vec<u8>]) -> Result<Vec<Note>, ArchiveError> {
    inspected(&gzip(&tar(more)), &Limits::default())
}

#[track_caller]
fn refused(more: &[Vec<u8>], said: &str) {
    let error = inspected_tar(more).unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
}

fn file(name: &str) -> Vec<u8> {
    tar_member(b'0', name, "", 0o644, b"x")
}

fn symlink(name: &str, target: &str) -> Vec<u8> {
    tar_member(b'2', &format!("my_pkg-1.0/{name}"), target, 0o777, b"")
}

#[test]
fn an_honest_sdist_passes_without_a_note() {
    assert_eq!(inspected_tar(&[]).unwrap(), []);
    let long = format!("my_pkg-1.0/{}", "d/".repeat(60) + "x.py");
    let text = format!("{long}\0");
    let cut = &long[..100];
    let named = [tar_member(b'L', "././@LongLink", "", 0, text.as_bytes()), file(cut)];
    assert_eq!(inspected_tar(&named).unwrap(), []);
    let path = format!(" path={long}\n");
    let record = format!("{}{path}", path.len() + 3);
    let named = [tar_member(b'x', "PaxHeader", "", 0o644, record.as_bytes()), file(cut)];
    assert_eq!(inspected_tar(&named).unwrap(), []);
}

/// setuptools writes the owner of each file into an sdist, and who builds inside is another user.
#[test]
fn that_members_belong_to_the_user_inside_is_noted_once() {
    let owned = |name: &str, user: &[u8]| {
        let mut member = file(&format!("my_pkg-1.0/{name}"));
        member[265..265 + user.len()].copy_from_slice(user);
        checksum(&mut member);
        member
    };
    let notes = inspected_tar(&[owned("a.py", b"build"), owned("b.py", b"build")]).unwrap();
    let note = Note { kind: NoteKind::Owner, member: "my_pkg-1.0/a.py".to_owned() };
    assert_eq!(notes, [note]);
    assert_eq!(inspected_tar(&[owned("a.py", b"builder"), owned("b.py", b"root")]).unwrap(), []);
}

#[rstest]
#[case("../evil.py", "climbs out")]
#[case("/etc/cron.d/evil", "absolute")]
#[case("my_pkg-1.0/../evil", "climbs out")]
#[case("my_pkg-1.0\\evil", "backslash")]
#[case("other/evil.py", "one top directory")]
#[case("my_pkg-1.0/./evil", "empty component")]
#[case("my_pkg-1.0/evil/", "empty component")]
#[case("my_pkg-1.0/src/a.py", "same name")]
#[case("my_pkg-1.0/src/a.py/x", "same name")]
fn a_member_name_that_leads_elsewhere_is_refused(#[case] name: &str, #[case] said: &str) {
    refused(&[file(name)], said);
    let path = format!(" path={name}\n");
    let record = format!("{}{path}", path.len() + 2);
    let header = tar_member(b'x', "PaxHeader", "", 0o644, record.as_bytes());
    refused(&[header, file(name)], said);
}

#[rstest]
#[case(b'3', "a device")]
#[case(b'4', "a device")]
#[case(b'6', "a FIFO")]
#[case(b'7', "unknown type")]
#[case(b'S', "unknown type")]
#[case(b'V', "unknown type")]
fn a_member_of_another_type_is_refused(#[case] kind: u8, #[case] said: &str) {
    refused(&[tar_member(kind, "my_pkg-1.0/x", "", 0o644, b"")], said);
}

#[test]
fn set_id_bits_are_refused() {
    for (kind, mode) in [(b'0', 0o4755), (b'0', 0o2755), (b'5', 0o4755), (b'5', 0o6755)] {
        let said = format!("its member \"my_pkg-1.0/x\": its mode {mode:04o} would give");
        refused(&[tar_member(kind, "my_pkg-1.0/x", "", mode, b"")], &said);
    }
    // As a source tree that a group shares has its directories.
    assert_eq!(inspected_tar(&[tar_member(b'5', "my_pkg-1.0/x", "", 0o2755, b"")]).unwrap(), []);
}

#[test]
fn links_that_stay_plainly_within_are_noted() {
    let links = [
        symlink("src/b.py", "a.py"),
        symlink("README", "src/../PKG-INFO"),
        symlink("dir", "./src"),
        symlink("again", "dir"),
        symlink("dangling", "nowhere/at/all"),
        tar_member(b'1', "my_pkg-1.0/hard.py", "my_pkg-1.0/src/a.py", 0o644, b""),
    ];
    let notes = inspected_tar(&links).unwrap();
    assert!(notes.iter().all(|note| note.kind == NoteKind::Link));
    assert_eq!(notes.len(), 6);
}

#[rstest]
#[case("/etc/passwd")]
#[case("../../etc/passwd")]
#[case("..")]
#[case("src/../..")]
#[case("dir/../x")]
#[case("C:\\x")]
#[case("a\nb")]
#[case("")]
fn links_that_leave_or_pass_through_links_are_refused(#[case] target: &str) {
    // The directory that `dir` leads to is deeper than it looks, so `dir/..` is somewhere else.
    refused(&[symlink("dir", "src/deep/er"), symlink("x", target)], "it links to");
}

#[test]
fn nothing_lies_beneath_a_link_and_hard_links_name_earlier_files() {
    refused(&[symlink("dir", "src"), file("my_pkg-1.0/dir/evil.py")], "same name");
    refused(&[file("my_pkg-1.0/dir/evil.py"), symlink("dir", "src")], "same name");
    refused(&[symlink("x", "src"), file("my_pkg-1.0/x")], "same name");
    let hard = |target: &str| tar_member(b'1', "my_pkg-1.0/hard", target, 0o644, b"");
    for target in ["/etc/passwd", "my_pkg-1.0/later", "my_pkg-1.0/src", "../x"] {
        refused(&[hard(target)], "it links to");
    }
    refused(&[symlink("x", "PKG-INFO"), hard("my_pkg-1.0/x")], "it links to");
}

#[test]
fn what_readers_could_read_differently_is_refused() {
    let pax = |record: &str| tar_member(b'x', "PaxHeader", "", 0o644, record.as_bytes());
    refused(&[pax("11 size=10\n"), file("my_pkg-1.0/x")], "two sizes");
    refused(&[pax("22 GNU.sparse.major=1\n"), file("my_pkg-1.0/x")], "not every reader knows");
    refused(&[pax("12 path=a/b\n"), pax(""), file("my_pkg-1.0/x")], "two names");
    refused(&[pax("12 path=a/b\n"), file("my_pkg-1.0/x")], "two names");
    let link = pax("21 linkpath=src/a.py\n");
    refused(&[link, symlink("x", "PKG-INFO")], "two targets");
    let global = tar_member(b'g', "x", "", 0o644, b"12 path=a/b\n");
    refused(&[global, file("my_pkg-1.0/x")], "for all members");
    let commit = || tar_member(b'g', "pax_global_header", "", 0o644, b"13 comment=0\n");
    assert_eq!(
        inspected_tar(&[commit(), pax("13 uname=abc\n"), file("my_pkg-1.0/x")]).unwrap(),
        []
    );
    refused(&[pax("13 uname=abc\n"), commit(), file("my_pkg-1.0/x")], "stands between");
    let long = tar_member(b'L', "././@LongLink", "", 0, b"my_pkg-1.0/x\0");
    refused(&[long, commit(), file("my_pkg-1.0/x")], "stands between");
    refused(&[tar_member(b'5', "my_pkg-1.0/d", "", 0o755, b"hidden")], "with content");
    refused(&[pax("12 path=a/b\n")], "middle of a member");
    refused(&[vec![0; 512], file("my_pkg-1.0/x")], "single block of zeros");
    refused(&[vec![0; 1024], file("my_pkg-1.0/x")], "bytes behind its end");
    let mut old = file("my_pkg-1.0/x");
    old[257..265].fill(0);
    checksum(&mut old);
    refused(&[old], "POSIX or GNU");
    let mut gnu = file("my_pkg-1.0/x");
    gnu[257..265].copy_from_slice(b"ustar  \0");
    gnu[345] = b'x';
    checksum(&mut gnu);
    refused(&[gnu], "POSIX or GNU");
    for field in [108, 116, 136, 329, 337] {
        let mut odd = file("my_pkg-1.0/x");
        odd[field] = b'x';
        checksum(&mut odd);
        refused(&[odd], "a number in a header is none");
    }
    let mut wrong = file("my_pkg-1.0/x");
    wrong[0] = b'n';
    refused(&[wrong], "checksum");
}

#[rstest]
#[case::name(20)]
#[case::link(200)]
#[case::user(270)]
#[case::group(300)]
#[case::prefix(400)]
#[case::end_of_the_header(505)]
#[case::filling_behind_the_data(600)]
fn nothing_is_hidden_where_a_tar_file_is_filled_up(#[case] at: usize) {
    let mut odd = file("my_pkg-1.0/x");
    odd[at] = b'P';
    checksum(&mut odd);
    refused(&[odd], "only filled up");
}

#[test]
fn a_name_that_is_longer_than_its_field_may_be_cut_as_writers_cut_it() {
    let record = |value: &str| {
        let rest = format!(" path={value}\n");
        let record = format!("{}{rest}", rest.len() + 3);
        assert_eq!(record.len(), rest.len() + 3);
        tar_member(b'x', "PaxHeader", "", 0o644, record.as_bytes())
    };
    let long = format!("my_pkg-1.0/\u{e9}{}x.py", "d/".repeat(60));
    let ascii = long.replace('\u{e9}', "?");
    for cut in [&long.as_bytes()[..100], &ascii.as_bytes()[..100], &long.as_bytes()[..98], b""] {
        let cut = std::str::from_utf8(cut).unwrap();
        assert_eq!(inspected_tar(&[record(&long), file(cut)]).unwrap(), [], "{cut:?}");
    }
    for other in [&long[..90], "my_pkg-1.0/x.py", &ascii[1..100]] {
        refused(&[record(&long), file(other)], "two names");
    }
    let short = format!("my_pkg-1.0/\u{e9}{}", "d".repeat(80));
    refused(&[record(&short), file(&short[..90])], "two names");
    assert!(inspected_tar(&[record(&short), file(&short.replace('\u{e9}', "?"))]).is_ok());
}

#[test]
fn metadata_may_come_twice_and_no_other_file() {
    let again = |text: &str| tar_member(b'0', "my_pkg-1.0/PKG-INFO", "", 0o644, text.as_bytes());
    assert_eq!(inspected_tar(&[again(METADATA)]).unwrap(), []);
    let newer = METADATA.replace("2.1", "2.4");
    let notes = inspected_tar(&[again(&newer), again(&newer)]).unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!((notes[0].kind, notes[0].member.as_str()), (NoteKind::Twice, "my_pkg-1.0/PKG-INFO"));
    refused(&[again("Name: other\nVersion: 1.0\n")], "says something else");
    refused(&[file("my_pkg-1.0/src/a.py")], "same name");
    // What is linked to it would be the first to some and the last to others.
    let linked = tar_member(b'1', "my_pkg-1.0/x", "my_pkg-1.0/PKG-INFO", 0o644, b"");
    let linked_again = tar_member(b'1', "my_pkg-1.0/y", "my_pkg-1.0/x", 0o644, b"");
    refused(&[linked.clone(), again(METADATA)], "same name");
    refused(&[linked.clone(), linked_again, again(METADATA)], "same name");
    assert!(inspected_tar(&[again(METADATA), linked]).is_ok());
    let link = tar_member(b'2', "my_pkg-1.0/PKG-INFO", "src/a.py", 0o777, b"");
    refused(&[link], "same name");
    refused(&[file("my_pkg-1.0/src/PKG-INFO"), file("my_pkg-1.0/src/PKG-INFO")], "same name");
}

#[test]
fn a_version_from_before_the_standard_is_noted() {
    let artefact = Artefact::sdist("my_pkg-2004d.tar.gz").unwrap();
    let metadata = METADATA.replace("1.0", "2004d");
    let content = tar_member(b'0', "my_pkg-2004d/PKG-INFO", "", 0o644, metadata.as_bytes());
    let bytes = gzip(&[content, vec![0; 1024]].concat());
    let notes = inspect(&mut Cursor::new(bytes), &artefact, &Limits::default()).unwrap();
    assert_eq!((notes[0].kind, notes[0].member.as_str()), (NoteKind::Legacy, "2004d"));
}

#[test]
fn names_that_are_one_elsewhere_are_noted() {
    for twin in ["my_pkg-1.0/SRC/b.py", "my_pkg-1.0/src/A.py", "my_pkg-1.0/pkg-info"] {
        let notes = inspected_tar(&[file(twin)]).unwrap();
        assert_eq!((notes[0].kind, notes[0].member.as_str()), (NoteKind::Twin, twin));
    }
    let reserved = [file("my_pkg-1.0/aux.c"), file("my_pkg-1.0/AUX.h")];
    assert_eq!(inspected_tar(&reserved).unwrap().len(), 1);
}

#[test]
fn before_the_compressed_data_stands_a_name_at_most() {
    let with = |header: GzBuilder| {
        let mut encoder = header.write(Vec::new(), flate2::Compression::default());
        encoder.write_all(&tar(&[])).unwrap();
        inspected(&encoder.finish().unwrap(), &Limits::default())
    };
    let new = GzBuilder::new;
    assert_eq!(with(new().filename("/tmp/x/my_pkg-1.0.tar").mtime(1)).unwrap(), []);
    let archive = b"PK\x05\x06".repeat(8);
    for (header, said) in [
        (new().extra(archive.clone()), "extra field or a comment"),
        (new().comment(archive.clone()), "extra field or a comment"),
        (new().filename(archive), "is none"),
        (new().filename("x".repeat(2000)), "is none"),
    ] {
        let error = with(header).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn the_compressed_file_is_one_and_whole() {
    let limits = Limits::default();
    let honest = gzip(&tar(&[]));
    let said = |bytes: &[u8]| inspected(bytes, &limits).unwrap_err().to_string();
    let whole = tar(&[]);
    for at in (0..=whole.len()).step_by(256) {
        let parts = [gzip(&whole[..at]), gzip(&whole[at..])].concat();
        assert!(said(&parts).contains("several gzip members"), "{at}");
    }
    assert!(said(&[honest.as_slice(), &honest].concat()).contains("several gzip members"));
    assert!(said(&[honest.as_slice(), b"x"].concat()).contains("bytes behind"));
    assert!(said(&[honest.as_slice(), b"\0"].concat()).contains("bytes behind"));
    assert!(said(&honest[..honest.len() / 2]).contains("middle of a member"));
    assert!(said(&honest[..honest.len() - 4]).contains("middle of a member"));
    assert!(said(b"").contains("middle of a member"));
    assert!(said(b"PK\x03\x04").contains("cannot be read") || said(b"PK").contains("middle"));
    assert!(said(&gzip(&[0; 1024])).contains("PKG-INFO"));
}

#[test]
fn metadata_must_be_there_and_of_this_release() {
    let other = [
        tar_member(b'5', "my_pkg-1.0/", "", 0o755, b""),
        tar_member(b'0', "my_pkg-1.0/PKG-INFO", "", 0o644, b"Name: pip\nVersion: 1.0\n"),
        vec![0; 1024],
    ];
    let error = inspected(&gzip(&other.concat()), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("says something else"), "{error}");
    let top = [tar_member(b'5', "pip-1.0/", "", 0o755, b""), vec![0; 1024]].concat();
    let error = inspected(&gzip(&top), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("not named as the sdist is"), "{error}");
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = tar_member(b'0', "my_pkg-1.0/zeros", "", 0o644, &vec![0; 4 << 20]);
    let limits = Limits { ratio_from_bytes: 1 << 20, ..Limits::default() };
    let error = inspected(&gzip(&tar(&[zeros])), &limits).unwrap_err();
    assert!(matches!(error.fault, Fault::TooLarge { .. }), "{error}");
    let limits = Limits { members: 2, ..Limits::default() };
    let error = inspected(&gzip(&tar(&[])), &limits).unwrap_err();
    assert!(matches!(error.fault, Fault::TooMany { limit: 2 }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
        prop_assert!(inspected(&bytes, &Limits::default()).is_err());
        prop_assert!(inspected(&gzip(&bytes), &Limits::default()).is_err());
    }

    #[test]
    fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut bytes = tar(&[symlink("x", "src")]);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if at % 512 < 500 && at < 512 {
            checksum(&mut bytes[..512]);
        }
        let _ = inspected(&gzip(&bytes), &Limits::default());
    }

    #[test]
    fn whatever_links_pass_stay_beneath_the_top_directory(
        links in prop::collection::vec(("[ab](/[ab]){0,2}", r"(\.\./|[ab]/|\./){0,4}([ab]|\.\.)"), 1..5),
    ) {
        let members: Vec<_> = links.iter().map(|(name, target)| symlink(name, target)).collect();
        if inspected_tar(&members).is_ok() {
            // What the kernel finds, asked of the kernel.
            let tree = tempfile::tempdir().unwrap();
            let top = tree.path().canonicalize().unwrap().join("my_pkg-1.0");
            for (name, target) in &links {
                let path = top.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::os::unix::fs::symlink(target, &path).unwrap();
            }
            for (name, _) in &links {
                if let Ok(found) = top.join(name).canonicalize() {
                    prop_assert!(found.starts_with(&top), "{name} leads to {found:?}");
                }
            }
        }
    }
}
