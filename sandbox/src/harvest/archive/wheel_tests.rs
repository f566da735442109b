//! Wheels as back ends write them, and as attackers do.

use std::io::Cursor;

use proptest::prelude::*;
use rstest::rstest;

use super::build_tests::*;
use super::*;
use crate::harvest::note::NoteKind;

const NAME: &str = "my_pkg-1.0-py3-none-any.whl";

fn inspected(bytes: &[u8], limits: &Limits) -> Result<Vec<Note>, ArchiveError> {
    inspect(&mut Cursor::new(bytes), &Artefact::wheel(NAME).unwrap(), limits)
}

fn notes(bytes: &[u8]) -> Vec<(NoteKind, String)> {
    let notes = inspected(bytes, &Limits::default()).unwrap();
    notes.into_iter().map(|note| (note.kind, note.member)).collect()
}

#[track_caller]
fn refused(bytes: &[u8], said: &str) {
    let error = inspected(bytes, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
}

#[track_caller]
fn refused_member(change: impl Fn(&mut ZipMember), said: &str) {
    let mut member = ZipMember::new("my_pkg/x.py", b"import os, sys, time, json\n");
    change(&mut member);
    refused(&with_record(members(&[member])), said);
}

#[test]
fn an_honest_wheel_passes_without_a_note() {
    assert_eq!(notes(&wheel(&[])), []);
    assert_eq!(notes(&wheel(&[("my_pkg/\u{e4}.txt", b"x")])), []);
    let mut directory = ZipMember::stored("my_pkg/", b"");
    directory.attributes = (0o040_755 << 16) | 0x10;
    assert_eq!(notes(&with_record(members(&[directory]))), []);
}

#[test]
fn sizes_behind_the_data_are_accepted_where_they_are_right() {
    let mut member = ZipMember::new("my_pkg/x.py", b"import os\n");
    (member.flags, member.local_flags) = (8, 8);
    (member.local_crc, member.local_sizes) = (0, (0, 0));
    let sizes = [member.crc, member.sizes.0, member.sizes.1].map(u32::to_le_bytes).concat();
    for signature in [&b""[..], b"PK\x07\x08"] {
        member.behind = [signature, &sizes].concat();
        assert_eq!(notes(&with_record(members(&[member.clone()]))), []);
    }
    member.behind[5] ^= 1;
    refused(&with_record(members(&[member.clone()])), "differs");
    member.behind.clear();
    refused(&with_record(members(&[member])), "missing");
}

#[test]
fn what_runs_or_replaces_something_once_installed_is_noted() {
    let found = notes(&wheel(&[
        ("evil.pth", b"import os"),
        ("my_pkg-1.0.data/purelib/other.pth", b"import os"),
        ("my_pkg/harmless.pth", b""),
        ("sitecustomize.py", b""),
        ("my_pkg-1.0.data/data/pyvenv.cfg", b"home = /x"),
        ("my_pkg-1.0.data/scripts/unshare", b"#!python"),
        ("my_pkg-1.0.data/scripts/my-tool", b"#!python"),
        ("my_pkg/inner.bin", b"PK\x03\x04"),
        ("my_pkg/x.so", b"\x7fELF\x02\x01"),
        ("My_pkg/__init__.py", b""),
        (
            "my_pkg-1.0.dist-info/entry_points.txt",
            b"[console_scripts]\npython3 = my_pkg:x\nmy-pkg = my_pkg:y\n[other]\npip = my_pkg:z\n",
        ),
    ]));
    let expected = [
        (NoteKind::StartUp, "evil.pth"),
        (NoteKind::StartUp, "my_pkg-1.0.data/purelib/other.pth"),
        (NoteKind::StartUp, "sitecustomize.py"),
        (NoteKind::Environment, "my_pkg-1.0.data/data/pyvenv.cfg"),
        (NoteKind::Program, "my_pkg-1.0.data/scripts/unshare"),
        (NoteKind::Twin, "My_pkg/__init__.py"),
        (NoteKind::Nested, "my_pkg/inner.bin"),
        (NoteKind::Native, "my_pkg/x.so"),
        (NoteKind::Program, "my_pkg-1.0.dist-info/entry_points.txt: python3"),
    ];
    assert_eq!(found, expected.map(|(kind, name)| (kind, name.to_owned())));
}

#[test]
fn an_entry_point_whose_program_would_lie_elsewhere_is_refused() {
    for name in ["../evil", "/usr/local/bin/evil", "..", "a/b"] {
        let text = format!("[console_scripts]\n{name} = my_pkg:x\n");
        let file = "my_pkg-1.0.dist-info/entry_points.txt";
        refused(&wheel(&[(file, text.as_bytes())]), "no plain name of a program");
        let file = "my_pkg-1.0.dist-info/Entry_Points.TXT";
        refused(&wheel(&[(file, text.as_bytes())]), "no plain name of a program");
    }
}

#[test]
fn an_entry_point_is_what_it_becomes_on_windows_too_and_a_module_beside_others() {
    let found = |name: &str| {
        let text = format!("[console_scripts]\n{name} = my_pkg:x\n");
        let file = "my_pkg-1.0.dist-info/Entry_Point\u{17f}.txt";
        notes(&wheel(&[(file, text.as_bytes())])).into_iter().map(|(kind, _)| kind).next()
    };
    for name in ["git", "git.py", "sudo.pyx", "bash.pyw", "python3.PY", "git.ps1"] {
        assert_eq!(found(name), Some(NoteKind::Program), "{name}");
    }
    for name in ["re.py", "json.py", "setuptools.py", "pip.py"] {
        assert_eq!(found(name), Some(NoteKind::StartUp), "{name}");
    }
    for name in ["my-pkg.py", "py.test", "rst2html.py", "x.pyz"] {
        assert_eq!(found(name), None, "{name}");
    }
}

#[rstest]
#[case("Tag: py3-none-any\nBuild: 9999zz\n", "says `Build: 9999zz`")]
#[case("Tag: cp27-cp27m-win32\n", "says `Tag: cp27-cp27m-win32`")]
#[case("", "has no `Tag: py3-none-any`")]
#[case("Tag: py3-none-any\nWheel-Version: 1.0\n", "2 headers `Wheel-Version`")]
#[case("\u{1} nonsense", "is no header")]
fn how_a_wheel_was_built_is_what_its_name_says(#[case] more: &str, #[case] said: &str) {
    let mut odd = members(&[]);
    let text = format!("Wheel-Version: 1.0\n{more}");
    odd[3] = ZipMember::new(&format!("{INFO}/WHEEL"), text.as_bytes());
    refused(&with_record(odd), said);
    // Also where it takes another file system to find it.
    refused(&wheel(&[(&format!("{INFO}/wheel"), text.as_bytes())]), said);
    refused(&with_record(members(&[]).into_iter().take(3).collect()), "WHEEL\": it is missing");
}

#[test]
fn what_only_an_installer_writes_is_in_no_wheel() {
    for name in ["direct_url.json", "INSTALLER", "requested", "uv_cache.json"] {
        refused(&wheel(&[(&format!("{INFO}/{name}"), b"{}")]), "only an installer");
    }
    assert_eq!(notes(&wheel(&[(&format!("{INFO}/licenses/INSTALLER"), b"")])), []);
}

#[test]
fn two_members_for_one_place_are_noted_by_whatever_way_they_get_there() {
    for twin in [
        "my_pkg-1.0.data/purelib/my_pkg/__init__.py",
        "my_pkg-1.0.data/platlib/MY_PKG/__init__.py",
        "my_pkg-1.0.data/data/lib/python3.11/site-packages/my_pkg/__init__.py",
        "my_pkg/empty.py::$DATA",
    ] {
        assert_eq!(notes(&wheel(&[(twin, b"")])), [(NoteKind::Twin, twin.to_owned())]);
    }
    let scripts =
        [("my_pkg-1.0.data/scripts/my-tool", &b""[..]), ("my_pkg-1.0.data/data/bin/my-tool", b"")];
    assert_eq!(notes(&wheel(&scripts)).len(), 1);
    // Of an entry point and a script of one name installers keep the one or the other.
    let points = "my_pkg-1.0.dist-info/entry_points.txt";
    let text = b"[console_scripts]\nMy-Tool = my_pkg:x\n[gui_scripts]\nother = my_pkg:y\n";
    let twins = notes(&wheel(&[scripts[0], (points, text)]));
    assert_eq!(twins, [(NoteKind::Twin, format!("{points}: My-Tool"))]);
}

#[rstest]
#[case::unknown(b"\x99\x99\x04\0abcd", "not every reader knows")]
#[case::comment_in_unicode(b"\x75\x63\x05\0\x01\0\0\0\0", "not every reader knows")]
#[case::long(&[b"\x55\x54\x40\0".as_slice(), &[0; 64]].concat(), "not every reader knows")]
#[case::twice(b"\x55\x54\x01\0\0\x55\x54\x01\0\0", "same twice")]
#[case::an_archive(&[b"\x50\x4b\x16\0".as_slice(), b"PK\x05\x06", &[0; 18]].concat(), "not every reader")]
fn no_extra_field_holds_more_than_times_and_owners(#[case] extra: &[u8], #[case] said: &str) {
    refused_member(|member| member.extra = extra.to_vec(), said);
    refused_member(|member| member.local_extra = extra.to_vec(), said);
    let mut honest = ZipMember::new("my_pkg/x.py", b"");
    honest.local_extra =
        b"UT\x09\0\x03\0\0\0\0\0\0\0\0ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0".to_vec();
    honest.extra = b"UT\x05\0\x03\0\0\0\0ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0".to_vec();
    assert_eq!(notes(&with_record(members(&[honest]))), []);
}

#[test]
fn numbers_that_say_that_they_stand_elsewhere_stand_there() {
    let full = u32::MAX;
    refused_member(|member| member.sizes.1 = full, "do not stand in an extra field");
    refused_member(|member| member.local_sizes.0 = full, "do not stand in an extra field");
    let short = b"\x01\0\x08\0\x0a\0\0\0\0\0\0\0".to_vec();
    refused_member(
        |member| (member.local_sizes, member.local_extra) = ((full, full), short.clone()),
        "middle of a header",
    );
}

#[test]
fn a_reader_from_the_front_finds_the_end_of_all_data() {
    let mut stored = ZipMember::stored("my_pkg/x.py", b"PK\x03\x04");
    (stored.flags, stored.local_flags) = (8, 8);
    (stored.local_crc, stored.local_sizes) = (0, (0, 0));
    stored.behind = [stored.crc.to_le_bytes(), 4_u32.to_le_bytes(), 4_u32.to_le_bytes()].concat();
    refused(&with_record(members(&[stored])), "size stands only behind it");
    let mut wide = ZipMember::new("my_pkg/x.py", b"import os\n");
    (wide.flags, wide.local_flags) = (8, 8);
    (wide.local_crc, wide.local_sizes) = (0, (0, 0));
    let sizes = [wide.sizes.0, wide.sizes.1].map(|it| u64::from(it).to_le_bytes()).concat();
    wide.behind = [wide.crc.to_le_bytes().as_slice(), &sizes].concat();
    refused(&with_record(members(&[wide.clone()])), "sizes behind it are missing");
    // With an extra field that says so they have 64 bits.
    wide.local_sizes = (u32::MAX, u32::MAX);
    wide.local_extra = [b"\x01\0\x10\0".as_slice(), &[0; 16]].concat();
    assert_eq!(notes(&with_record(members(&[wide]))), []);
}

#[rstest]
#[case("../evil.py", "climbs out")]
#[case("/etc/cron.d/evil", "absolute")]
#[case("my_pkg/../../evil.py", "climbs out")]
#[case("my_pkg\\..\\evil.py", "backslash")]
#[case("C:/evil.py", "absolute")]
#[case("my_pkg/e\0vil.py", "control character")]
#[case("my_pkg/./evil.py", "empty component")]
#[case("my_pkg//evil.py", "empty component")]
#[case("my_pkg/evil.py.", "ends in a dot")]
fn a_member_name_that_leads_elsewhere_is_refused(#[case] name: &str, #[case] said: &str) {
    refused(&wheel(&[(name, b"x")]), said);
}

#[rstest]
#[case(0o120_777, "a symbolic link")]
#[case(0o010_644, "a FIFO")]
#[case(0o020_666, "a device")]
#[case(0o060_666, "a device")]
#[case(0o140_777, "a socket")]
#[case(0o104_755, "another user's rights")]
#[case(0o102_755, "another user's rights")]
#[case(0o004_755, "another user's rights")]
#[case(0o040_755, "another type than its name")]
fn a_member_of_another_type_or_with_set_id_bits_is_refused(#[case] mode: u32, #[case] said: &str) {
    refused_member(|member| member.attributes = mode << 16, said);
}

#[test]
fn two_headers_that_disagree_are_refused() {
    refused_member(|member| member.local_name = b"my_pkg/y.py".to_vec(), "differs");
    refused_member(|member| member.local_name = b"my_pkg/x.py\0".to_vec(), "differs");
    refused_member(|member| member.local_crc ^= 1, "differs");
    refused_member(|member| member.local_sizes.0 += 1, "differs");
    refused_member(|member| member.local_sizes.1 += 1, "differs");
    refused_member(|member| member.local_flags = 8, "differs");
    refused_member(|member| member.shift = -1, "overlaps");
    refused_member(|member| member.behind = b"hidden".to_vec(), "bytes behind it");
    refused_member(|member| (member.flags, member.local_flags) = (1, 1), "encrypted");
    refused_member(|member| member.method = 12, "neither stored nor deflated");
    refused_member(|member| (member.name, member.local_name) = (vec![0xff], vec![0xff]), "UTF-8");
    refused_member(|member| member.extra = b"\x75\x70\x01\0x".to_vec(), "second name");
    refused_member(|member| member.local_extra = b"\x75\x70\x01\0x".to_vec(), "second name");
    refused_member(|member| member.extra = b"\x01\0\x08\0\x01\0\0\0\0\0\0\0".to_vec(), "disagree");
    refused_member(|member| member.extra = vec![1], "middle of a header");
}

#[test]
fn data_that_is_not_what_the_headers_say_is_refused() {
    refused_member(|member| (member.crc, member.local_crc) = (1, 1), "checksum");
    refused_member(
        |member| {
            member.sizes.1 -= 1;
            member.local_sizes = member.sizes;
        },
        "another size",
    );
    refused_member(
        |member| {
            member.data.extend(b"behind");
            member.sizes.0 += 6;
            member.local_sizes = member.sizes;
        },
        "broken or has bytes behind it",
    );
    refused_member(
        |member| {
            member.data.truncate(4);
            member.sizes.0 = 4;
            member.local_sizes = member.sizes;
        },
        "broken",
    );
    refused_member(|member| member.data.fill(0xff), "broken");
}

#[test]
fn bytes_that_belong_to_no_member_are_refused() {
    let honest = wheel(&[]);
    refused(&[b"#!/bin/sh\n", honest.as_slice()].concat(), "bytes before or behind");
    refused(&[honest.as_slice(), b"x"].concat(), "no zip file that ends without a comment");
    refused(&[honest.as_slice(), &honest].concat(), "bytes before or behind");
    let mut commented = honest.clone();
    let end = commented.len();
    commented[end - 2] = 3;
    commented.extend(b"abc");
    refused(&commented, "without a comment");
    refused(b"", "no zip file");
    refused(&honest[..honest.len() - 1], "no zip file");
}

/// A zip file behind other bytes, with every place that it names as far behind.
fn behind(bytes: &[u8], honest: &[u8]) -> Vec<u8> {
    let number = |field: &[u8]| u32::from_le_bytes(field.try_into().unwrap());
    let moved = |field: &mut [u8]| {
        let place = number(field) + u32::try_from(bytes.len()).unwrap();
        field.copy_from_slice(&place.to_le_bytes());
    };
    let mut zip = honest.to_vec();
    let end = zip.len();
    let mut at = usize::try_from(number(&zip[end - 6..end - 2])).unwrap();
    moved(&mut zip[end - 6..end - 2]);
    while zip[at..].starts_with(b"PK\x01\x02") {
        moved(&mut zip[at + 42..at + 46]);
        at += 46 + usize::from(zip[at + 28]) + usize::from(zip[at + 30]);
    }
    [bytes, &zip].concat()
}

#[test]
fn bytes_before_the_first_member_are_refused_also_where_every_place_is_right() {
    let honest = wheel(&[]);
    assert_eq!(notes(&behind(b"", &honest)), []);
    refused(&behind(b"#!/bin/sh\n", &honest), "there are bytes before it");
}

#[test]
fn large_numbers_are_read_from_their_64_bit_places() {
    let honest = wheel(&[]);
    assert_eq!(notes(&zip_64(&honest, |_| ())), []);
    for place in 0..4 {
        let error = inspected(&zip_64(&honest, |it| it[place] += 1), &Limits::default());
        assert!(error.is_err(), "{place}");
    }
    let mut disagreeing = zip_64(&honest, |_| ());
    let end = disagreeing.len();
    disagreeing[end - 6..end - 2].fill(1);
    refused(&disagreeing, "end records disagree");
    let mut member = ZipMember::new("my_pkg/x.py", b"import os\n");
    let sizes = [member.sizes.1, member.sizes.0].map(|it| u64::from(it).to_le_bytes()).concat();
    let extra = [b"\x01\0\x10\0", sizes.as_slice()].concat();
    (member.local_sizes, member.local_extra) = ((u32::MAX, u32::MAX), extra.clone());
    assert_eq!(notes(&with_record(members(&[member.clone()]))), []);
    (member.sizes, member.extra) = ((u32::MAX, u32::MAX), extra.clone());
    assert_eq!(notes(&with_record(members(&[member.clone()]))), []);
    member.extra = [extra.as_slice(), &extra].concat();
    refused(&with_record(members(&[member.clone()])), "same twice in extra fields");
    member.extra = [b"\x01\0\x18\0", &extra[4..], &[0; 8]].concat();
    refused(&with_record(members(&[member])), "too long");
}

#[test]
fn the_same_name_twice_or_a_file_as_directory_is_refused() {
    refused(&wheel(&[("my_pkg/x.py", b"a"), ("my_pkg/x.py", b"b")]), "same name");
    refused(&wheel(&[("my_pkg/x", b"a"), ("my_pkg/x/y.py", b"b")]), "same name");
}

#[test]
fn overlapping_members_are_refused() {
    let mut twins = members(&[]);
    let mut quoted = ZipMember::new("my_pkg/b.py", b"b");
    quoted.shift = -40;
    twins.push(quoted);
    refused(&with_record(twins), "overlaps");
}

#[test]
fn a_record_must_list_every_file_as_it_is() {
    let info = |name: &str| format!("{INFO}/{name}");
    let build = |change: &dyn Fn(String) -> String| {
        let mut all = members(&[]);
        let honest = record(&all, INFO);
        let text = change(String::from_utf8(honest.content).unwrap());
        all.push(ZipMember::new(&info("RECORD"), text.as_bytes()));
        zip(&all)
    };
    assert!(inspected(&build(&|text| text), &Limits::default()).is_ok());
    let first = |text: String| text.split_once('\n').unwrap().1.to_owned();
    refused(&build(&first), "does not list it");
    refused(&build(&|text| text + "my_pkg/more.py,sha256=xx,1\n"), "is not there");
    refused(
        &build(&|text| text.replace("__init__.py,sha256=", "__init__.py,sha256=A")),
        "another hash",
    );
    refused(&build(&|text| text.replace(",6\n", ",7\n")), "another size");
    refused(&build(&|text| text.replacen("sha256", "md5", 1)), "weaker");
    refused(&build(&|text| format!("my_pkg/__init__.py,,\n{}", first(text))), "no hash");
    refused(&build(&|text| text.clone() + &text), "twice");
    refused(&build(&|_| "nonsense".to_owned()), "no list");
    refused(&zip(&members(&[])), "RECORD\": it is missing");
}

#[test]
fn the_metadata_directory_must_be_the_one_of_the_file_name() {
    let other = "other-1.0.dist-info/METADATA";
    refused(&wheel(&[(other, b"")]), "exactly one .dist-info");
    refused(&wheel(&[("my_pkg-1.0.DIST-INFO/METADATA", b"")]), "exactly one .dist-info");
    let by_a_scheme = "my_pkg-1.0.data/purelib/other-1.0.dist-info/METADATA";
    refused(&wheel(&[(by_a_scheme, b"")]), "exactly one .dist-info");
    refused(&wheel(&[("other.egg-info", b"")]), "exactly one .dist-info");
    let bytes = wheel(&[]);
    let artefact = Artefact::wheel("other-1.0-py3-none-any.whl").unwrap();
    let error = inspect(&mut Cursor::new(bytes), &artefact, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("exactly one .dist-info"), "{error}");
    let mut spoofed = members(&[]);
    spoofed[2] = ZipMember::new(&format!("{INFO}/METADATA"), b"Name: pip\nVersion: 1.0\n");
    refused(&with_record(spoofed), "says something else");
    let mut linked = members(&[]);
    let text = format!("Requires-Dist: x @ http://203.0.113.7/x.whl\n{METADATA}");
    linked[2] = ZipMember::new(&format!("{INFO}/METADATA"), text.as_bytes());
    refused(&with_record(linked), "names a URL");
    refused(&wheel(&[("other-1.0.data/purelib/x.py", b"")]), "schemes");
    refused(&wheel(&[("my_pkg-1.0.data/etc/x", b"")]), "schemes");
}

#[test]
fn a_bomb_is_refused_before_it_unpacks() {
    let bomb = wheel(&[("my_pkg/zeros", &vec![0; 2 << 20])]);
    let limits = Limits { ratio_from_bytes: 1 << 20, ..Limits::default() };
    let error = inspected(&bomb, &limits).unwrap_err();
    assert!(matches!(error.fault, Fault::TooLarge { .. }), "{error}");
    let limits = Limits { members: 3, ..Limits::default() };
    let error = inspected(&wheel(&[]), &limits).unwrap_err();
    assert!(matches!(error.fault, Fault::TooMany { limit: 3 }), "{error}");
    // A member that says it is small and is not stops at the first byte beyond.
    let mut liar = ZipMember::new("my_pkg/zeros", &vec![0; 1 << 20]);
    liar.sizes.1 = 10;
    liar.local_sizes.1 = 10;
    refused(&with_record(members(&[liar])), "another size");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(inspected(&bytes, &Limits::default()).is_err());
    }

    #[test]
    fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut bytes = wheel(&[("my_pkg/x.py", b"import os, sys\n")]);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let _ = inspected(&bytes, &Limits::default());
    }

    #[test]
    fn a_cut_or_grown_wheel_is_refused(at in any::<prop::sample::Index>(), more in "[a-zP]{1,8}") {
        let bytes = wheel(&[]);
        let at = at.index(bytes.len());
        prop_assert!(inspected(&bytes[..at], &Limits::default()).is_err());
        let grown = [&bytes[..at], more.as_bytes(), &bytes[at..]].concat();
        prop_assert!(inspected(&grown, &Limits::default()).is_err());
    }
}
