//! Every reader of hostile bytes with growing input: what is four times as long takes about four
//! times as long.

use std::io::Cursor;
use std::time::Duration;

use rstest::rstest;
use rustix::time::{ClockId, clock_gettime};

use super::answer;
use super::archive::build_tests::{
    METADATA, WHEEL, ZipMember, gzip, members, tar, tar_member, with_record,
};
use super::archive::inspect;
use super::*;
use crate::pep517::HookKind;

/// What an input is measured against: four times of it may take this many times as long.
const AT_MOST: u32 = 10;

/// The processor time that this thread has used.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

fn least(of: &dyn Fn()) -> Duration {
    let once = |_| {
        let begun = now();
        of();
        now().saturating_sub(begun)
    };
    (0..3).map(once).min().unwrap()
}

/// What reads an input.
#[derive(Clone, Copy)]
enum By {
    Wheel,
    Sdist,
    Answer,
}

impl By {
    fn read(self, bytes: &[u8]) {
        let limits = Limits::default();
        let artefact = match self {
            Self::Wheel => Artefact::wheel("my_pkg-1.0-py3-none-any.whl"),
            Self::Sdist => Artefact::sdist("my_pkg-1.0.tar.gz"),
            Self::Answer => {
                let _ = answer::parse(bytes, HookKind::GetRequiresForBuildWheel, &limits);
                return;
            }
        };
        let _ = inspect(&mut Cursor::new(bytes), &artefact.unwrap(), &limits);
    }
}

fn sdist(more: &[Vec<u8>]) -> Vec<u8> {
    gzip(&tar(more))
}

fn attributes(text: &str) -> Vec<u8> {
    tar_member(b'x', "PaxHeader", "", 0o644, text.as_bytes())
}

/// A record of an extended header, which begins with its own length.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let length = (rest.len()..rest.len() + 9)
        .find(|length| rest.len() + length.to_string().len() == *length);
    format!("{}{rest}", length.unwrap())
}

fn metadata(more: &str) -> Vec<u8> {
    let mut members = members(&[]);
    let text = METADATA.replace("\n\nText", &format!("\n{more}\n\nText"));
    members[2] = ZipMember::new("my_pkg-1.0.dist-info/METADATA", text.as_bytes());
    with_record(members)
}

fn names(depth: usize, count: usize) -> Vec<u8> {
    let named = |at| ZipMember::stored(&format!("{}{at}", "a/".repeat(depth)), b"");
    let more: Vec<_> = (0..count).map(named).collect();
    with_record(members(&more))
}

fn parts(count: usize) -> Vec<u8> {
    let named = |at: usize| ZipMember::stored(&format!("d{}/f{at}", at / 7), b"");
    let more: Vec<_> = (0..count).map(named).collect();
    with_record(members(&more))
}

/// Members in a directory of schemes, whose long name has many readings.
fn schemes(count: usize) -> (String, Vec<u8>) {
    let stem = format!("{}1", "1_".repeat(60));
    let info = format!("{stem}-1.dist-info");
    let data = format!("{stem}-1.data");
    let text = format!("Metadata-Version: 2.1\nName: {stem}\nVersion: 1\n");
    let mut members = vec![
        ZipMember::new(&format!("{info}/METADATA"), text.as_bytes()),
        ZipMember::new(&format!("{info}/WHEEL"), WHEEL),
    ];
    members.extend((0..count).map(|at| ZipMember::stored(&format!("{data}/purelib/{at}"), b"")));
    members.push(super::archive::build_tests::record(&members, &info));
    (format!("{stem}-1-py3-none-any.whl"), super::archive::build_tests::zip(&members))
}

#[test]
fn a_member_takes_no_longer_for_the_readings_of_the_name_that_it_lies_below() {
    let (name, bytes) = schemes(4000);
    let artefact = Artefact::wheel(&name).unwrap();
    let inspected = || inspect(&mut Cursor::new(&bytes), &artefact, &Limits::default());
    assert!(inspected().is_ok());
    let plain = parts(4000);
    let (own, other) = (least(&|| drop(inspected())), least(&|| By::Wheel.read(&plain)));
    assert!(own < other * 4 + Duration::from_millis(50), "{own:?}, and {other:?} elsewhere");
}

/// Names that are `entry_points.txt` where no difference is made between cases.
fn variants(count: usize) -> Vec<u8> {
    let named = |at: usize| {
        let letters = "entry_points".chars().enumerate();
        let cased = letters
            .map(|(place, it)| if at >> place & 1 == 1 { it.to_ascii_uppercase() } else { it });
        let name: String = cased.collect();
        ZipMember::stored(&format!("my_pkg-1.0.dist-info/{name}.txt"), b"")
    };
    // One bit has no letter.
    let more: Vec<_> = (0..count * 2).filter(|at| at & 32 == 0).map(named).collect();
    with_record(members(&more))
}

fn link(target: &str) -> Vec<u8> {
    let target = attributes(&record("linkpath", target));
    let link = |at| tar_member(b'2', &format!("my_pkg-1.0/l{at}"), "", 0o777, b"");
    let links: Vec<_> = (0..200).flat_map(|at| [target.clone(), link(at)]).collect();
    sdist(&links)
}

fn links(count: usize) -> Vec<u8> {
    let link = |at| tar_member(b'2', &format!("my_pkg-1.0/l{at}"), "src/a.py", 0o777, b"");
    let more: Vec<_> = (0..count).map(link).collect();
    sdist(&more)
}

fn comments(count: usize) -> Vec<u8> {
    let text = record("comment", "x").repeat(count);
    sdist(&[attributes(&text), tar_member(b'0', "my_pkg-1.0/x", "", 0o644, b"")])
}

fn headers(count: usize) -> Vec<u8> {
    metadata(&"A: b\n".repeat(count))
}

fn folded_header(count: usize) -> Vec<u8> {
    metadata(&format!("Requires-Dist: a{}", "\n b".repeat(count)))
}

fn requirements(count: usize) -> Vec<u8> {
    metadata(&"Requires-Dist: a>=1,<2; extra == 'x'\n".repeat(count))
}

fn marker(count: usize) -> Vec<u8> {
    metadata(&format!("Requires-Dist: a; {}extra == 'x'", "extra == 'y' or ".repeat(count)))
}

fn long_target(length: usize) -> Vec<u8> {
    link(&vec!["a"; length / 2].join("/"))
}

fn climbing_target(length: usize) -> Vec<u8> {
    link(&"src/../".repeat(length / 7))
}

fn warnings(count: usize) -> Vec<u8> {
    let warning = r#"{"message":"a\u202eb","filename":"f","lineno":1},"#.repeat(count);
    let list = warning.trim_end_matches(',');
    format!(r#"{{"return_val":[],"warnings":[{list}]}}"#).into_bytes()
}

fn traceback(length: usize) -> Vec<u8> {
    let text = "x".repeat(length);
    format!(r#"{{"no_backend":true,"traceback":"{text}"}}"#).into_bytes()
}

fn nested(depth: usize) -> Vec<u8> {
    "[".repeat(depth).into_bytes()
}

#[rstest]
#[case::deep_names(By::Wheel, |n| names(n, 300), 200)]
#[case::many_names(By::Wheel, parts, 1500)]
#[case::variants(By::Wheel, variants, 500)]
#[case::headers(By::Wheel, headers, 20_000)]
#[case::folded_header(By::Wheel, folded_header, 20_000)]
#[case::requirements(By::Wheel, requirements, 1200)]
#[case::marker(By::Wheel, marker, 20)]
#[case::long_target(By::Sdist, long_target, 1000)]
#[case::climbing_target(By::Sdist, climbing_target, 1000)]
#[case::links(By::Sdist, links, 1000)]
#[case::attributes(By::Sdist, comments, 1000)]
#[case::warnings(By::Answer, warnings, 400)]
#[case::traceback(By::Answer, traceback, 1 << 17)]
#[case::nested(By::Answer, nested, 1 << 20)]
fn what_is_longer_takes_longer_in_proportion(
    #[case] by: By,
    #[case] make: fn(usize) -> Vec<u8>,
    #[case] size: usize,
) {
    let (one, four) = (make(size), make(4 * size));
    let (short, long) = (least(&|| by.read(&one)), least(&|| by.read(&four)));
    let allowed = short * AT_MOST + Duration::from_millis(20);
    assert!(long < allowed, "{short:?} became {long:?} for four times of it");
}

#[rstest]
#[case::link_target(link(&"x".repeat(5000)), "the target of a link has more than 4095 bytes")]
#[case::attributes(sdist(&[attributes(&"x".repeat(70_000))]), "attributes before a member has more")]
fn what_no_honest_sdist_needs_is_refused(#[case] bytes: Vec<u8>, #[case] said: &str) {
    let artefact = Artefact::sdist("my_pkg-1.0.tar.gz").unwrap();
    let refused = inspect(&mut Cursor::new(bytes), &artefact, &Limits::default()).unwrap_err();
    assert!(refused.to_string().contains(said), "{refused}");
}

/// Four bytes of RECORD, packed to nearly none, would otherwise take forty times as much.
#[test]
fn a_record_has_no_more_rows_than_there_are_members_and_no_more_than_three_fields() {
    let mut long = members(&[]);
    let rows = (0..200_000).map(|row| row.to_string()).collect::<Vec<_>>().join(",,\n") + ",,\n";
    long.push(ZipMember::new("my_pkg-1.0.dist-info/RECORD", rows.as_bytes()));
    let mut wide = members(&[]);
    wide.push(ZipMember::new("my_pkg-1.0.dist-info/RECORD", ",".repeat(1 << 20).as_bytes()));
    for (members, said) in [(long, "it is not there"), (wide, "no list of lines")] {
        let artefact = Artefact::wheel("my_pkg-1.0-py3-none-any.whl").unwrap();
        let bytes = super::archive::build_tests::zip(&members);
        let refused = inspect(&mut Cursor::new(bytes), &artefact, &Limits::default()).unwrap_err();
        assert!(refused.to_string().contains(said), "{refused}");
    }
}
