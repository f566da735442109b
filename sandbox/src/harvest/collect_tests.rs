//! Staging directories as honest and hostile payloads leave them.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use rstest::rstest;

use super::*;
use crate::harvest::question::direct::Direct;
use crate::harvest::{Answer, Artefact, archive};
use crate::pep517::HookKind;

/// What a refusal says, and what it takes to bring it about.
type Spoiled = (&'static str, fn(&Path));

const WHEEL: &str = "pkg-1.0-py3-none-any.whl";
const INFO: &str = "pkg-1.0.dist-info";
const METADATA: &str = "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n";

/// A staging directory and a destination.
struct Fixture(tempfile::TempDir, Wishes);

impl Fixture {
    fn new() -> Self {
        let tree = tempfile::tempdir().unwrap();
        for directory in ["staging", "destination"] {
            std::fs::create_dir(tree.path().join(directory)).unwrap();
        }
        Self(tree, Wishes::default())
    }

    fn staged(&self, name: &str) -> PathBuf {
        self.0.path().join("staging").join(name)
    }

    fn placed(&self, name: &str) -> PathBuf {
        self.0.path().join("destination").join(name)
    }

    fn collect(&self, hook: HookKind, name: &str, limits: &Limits) -> Result<Harvest, Refused> {
        let artefact = match hook.product() {
            crate::pep517::Product::DistInfo => Artefact::dist_info(name),
            _ => Artefact::wheel(name),
        };
        let answer = Answer::File { name: name.into(), artefact: artefact.unwrap() };
        let returned = Return { hook, answer, warnings: Vec::new() };
        let staging = File::open(self.staged("")).unwrap();
        let directory = File::open(self.placed("")).unwrap();
        let destination = Destination { directory: directory.as_fd(), owner: None };
        let rules = (limits, &self.1);
        collect(&returned, staging.as_fd(), &destination, rules, &mut Direct)?.publish(|_| Ok(()))
    }

    /// The sentence of a refusal, after checking that the destination is as it was.
    fn refusal(&self, hook: HookKind, name: &str) -> String {
        let before = entries(&self.placed(""));
        let refused = self.collect(hook, name, &Limits::default()).unwrap_err();
        assert_eq!(entries(&self.placed("")), before);
        refused.to_string()
    }

    fn info(&self) -> PathBuf {
        let directory = self.staged(INFO);
        std::fs::create_dir_all(directory.join("licenses/deep")).unwrap();
        std::fs::write(directory.join("METADATA"), METADATA).unwrap();
        std::fs::write(directory.join("licenses/deep/MIT"), "MIT").unwrap();
        directory
    }
}

fn entries(directory: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

#[test]
fn a_symlink_in_the_output_cannot_redirect_the_wheel() {
    let fixture = Fixture::new();
    symlink("/etc/passwd", fixture.staged(WHEEL)).unwrap();
    assert!(fixture.refusal(HookKind::BuildWheel, WHEEL).contains("symbolic link"));
}

#[test]
fn a_fifo_a_directory_or_nothing_in_place_of_the_wheel_is_refused_at_once() {
    let fixture = Fixture::new();
    assert!(fixture.refusal(HookKind::BuildWheel, WHEEL).contains("does not exist"));
    fifo(&fixture.staged(WHEEL));
    assert!(fixture.refusal(HookKind::BuildWheel, WHEEL).contains("a FIFO"));
    std::fs::remove_file(fixture.staged(WHEEL)).unwrap();
    std::fs::create_dir(fixture.staged(WHEEL)).unwrap();
    assert!(fixture.refusal(HookKind::BuildWheel, WHEEL).contains("a directory"));
}

#[test]
fn a_hard_link_in_place_of_the_wheel_is_refused() {
    let fixture = Fixture::new();
    std::fs::write(fixture.staged("other"), "x").unwrap();
    std::fs::hard_link(fixture.staged("other"), fixture.staged(WHEEL)).unwrap();
    assert!(fixture.refusal(HookKind::BuildWheel, WHEEL).contains("2 names"));
}

#[test]
fn a_sparse_giant_is_refused_before_a_byte_is_copied() {
    let fixture = Fixture::new();
    File::create(fixture.staged(WHEEL)).unwrap().set_len(1 << 40).unwrap();
    assert!(fixture.refusal(HookKind::BuildWheel, WHEEL).contains("at most"));
}

#[test]
fn a_staging_directory_with_very_many_entries_is_refused() {
    let fixture = Fixture::new();
    for number in 0..20 {
        std::fs::write(fixture.staged(&number.to_string()), "").unwrap();
    }
    let limits = Limits { entries: 10, ..Limits::default() };
    let refused = fixture.collect(HookKind::BuildWheel, WHEEL, &limits).unwrap_err();
    assert!(refused.to_string().contains("more than 10 entries"), "{refused}");
}

#[test]
fn a_metadata_tree_is_copied_and_the_rest_is_noted() {
    let fixture = Fixture::new();
    fixture.info();
    std::fs::write(fixture.staged("PYPROJECT_HOOKS_ALREADY_BUILT_WHEEL"), "").unwrap();
    let hook = HookKind::PrepareMetadataForBuildWheel;
    let harvest = fixture.collect(hook, INFO, &Limits::default()).unwrap();
    let paths: Vec<_> = harvest.files.iter().map(|file| file.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["pkg-1.0.dist-info/METADATA", "pkg-1.0.dist-info/licenses/deep/MIT"]);
    assert_eq!(
        harvest.files[1].sha256,
        "e5dcffe836b6ec8a58e492419b550e65fb8cbdc308503979e5dacb33ac7ea3b7"
    );
    assert_eq!(harvest.notes.len(), 1);
    assert_eq!(harvest.notes[0].kind, NoteKind::LeftBehind);
    assert_eq!(entries(&fixture.placed("")), [INFO]);
    let copied = fixture.placed(INFO).join("licenses/deep/MIT");
    assert_eq!(copied.metadata().unwrap().mode() & 0o7777, 0o644);
    assert_eq!(copied.parent().unwrap().metadata().unwrap().mode() & 0o7777, 0o755);
    let again = fixture.collect(hook, INFO, &Limits::default()).unwrap_err();
    assert!(matches!(again.why, Why::Exists), "{again}");
    assert_eq!(entries(&fixture.placed("")), [INFO]);
}

#[test]
fn whatever_is_odd_in_a_metadata_tree_refuses_all_of_it() {
    let hook = HookKind::PrepareMetadataForBuildEditable;
    let cases: [Spoiled; 8] = [
        ("symbolic link", |info| symlink("/root/.netrc", info.join("entry_points.txt")).unwrap()),
        ("symbolic link", |info| symlink("/root", info.join("licenses/x")).unwrap()),
        ("a FIFO", |info| fifo(&info.join("x"))),
        ("2 names", |info| {
            std::fs::hard_link(info.join("METADATA"), info.join("x")).unwrap();
        }),
        ("more than", |info| {
            File::create(info.join("x")).unwrap().set_len(1 << 40).unwrap();
        }),
        ("deeper than", |info| {
            std::fs::create_dir_all(info.join("a/".repeat(20))).unwrap();
        }),
        ("control character", |info| std::fs::write(info.join("a\nb"), "").unwrap()),
        ("does not exist", |info| std::fs::remove_file(info.join("METADATA")).unwrap()),
    ];
    for (said, spoil) in cases {
        let fixture = Fixture::new();
        spoil(&fixture.info());
        let refusal = fixture.refusal(hook, INFO);
        assert!(refusal.contains(said), "{said}: {refusal}");
    }
}

#[rstest]
#[case("metadata", METADATA, "another member's on other file systems")]
#[case("licenses/mit", "", "another member's on other file systems")]
#[case("Metadata.", METADATA, "ends in a dot")]
#[case("METADATA ", METADATA, "ends in a dot")]
#[case("METADATA\u{200b}", METADATA, "hides")]
#[case("x\u{202e}txt", "", "hides")]
#[case("c:x", "", "absolute")]
#[case("a\\b", "", "backslash")]
#[case("entry_points.txt", "[console_scripts]\n../x = pkg:x\n", "no plain name of a program")]
#[case("Entry_Points.TXT", "[console_scripts]\n../x = pkg:x\n", "no plain name of a program")]
#[case("entry_points.txt", "\u{feff}\u{feff}", "takes apart alike")]
#[case("entry_point\u{17f}.txt", "[console_scripts]\n;x = y:z\n", "the same program")]
#[case("WHEEL", "Wheel-Version: 9.0\n", "says `Wheel-Version: 9.0`")]
#[case("wheel", "nonsense", "is no header")]
#[case("direct_url.json", "{}", "only an installer")]
#[case("INSTALLER", "pip", "only an installer")]
#[case("uv_cache.json", "{}", "only an installer")]
fn a_metadata_tree_is_held_to_what_an_archive_is(
    #[case] name: &str,
    #[case] content: &str,
    #[case] said: &str,
) {
    let fixture = Fixture::new();
    let info = fixture.info();
    std::fs::create_dir_all(info.join("licenses")).unwrap();
    std::fs::write(info.join("licenses/MIT"), "").unwrap();
    std::fs::write(info.join(name), content).unwrap();
    let refusal = fixture.refusal(HookKind::PrepareMetadataForBuildWheel, INFO);
    assert!(refusal.contains(said), "{refusal}");
}

#[test]
fn an_entry_point_of_a_metadata_tree_that_takes_anothers_place_is_noted() {
    let fixture = Fixture::new();
    let points = "[console_scripts]\npkg = pkg:x\npython3 = pkg:y\n";
    std::fs::write(fixture.info().join("entry_points.txt"), points).unwrap();
    let hook = HookKind::PrepareMetadataForBuildWheel;
    let harvest = fixture.collect(hook, INFO, &Limits::default()).unwrap();
    let notes: Vec<_> = harvest.notes.iter().map(|it| (it.kind, it.member.as_str())).collect();
    assert_eq!(notes, [(NoteKind::Program, "entry_points.txt: python3")]);
}

#[test]
fn a_metadata_link_leads_nowhere() {
    let fixture = Fixture::new();
    let info = fixture.info();
    std::fs::rename(&info, fixture.staged("elsewhere")).unwrap();
    symlink("elsewhere", &info).unwrap();
    let refusal = fixture.refusal(HookKind::PrepareMetadataForBuildWheel, INFO);
    assert!(refusal.contains("not a directory") || refusal.contains("link"), "{refusal}");
}

#[test]
fn metadata_of_another_project_or_with_a_url_is_refused() {
    let fixture = Fixture::new();
    let info = fixture.info();
    let hook = HookKind::PrepareMetadataForBuildWheel;
    std::fs::write(info.join("METADATA"), "Name: other\nVersion: 1.0\n").unwrap();
    assert!(fixture.refusal(hook, INFO).contains("says something else"));
    let url = format!("{METADATA}Requires-Dist: x @ http://203.0.113.7/x.whl\n");
    std::fs::write(info.join("METADATA"), url).unwrap();
    assert!(fixture.refusal(hook, INFO).contains("names a URL"));
}

#[test]
fn a_failed_write_leaves_nothing() {
    let mut fixture = Fixture::new();
    fixture.1.replace = true;
    fixture.info();
    std::fs::create_dir_all(fixture.placed(INFO).join("already")).unwrap();
    let refusal = fixture.refusal(HookKind::PrepareMetadataForBuildWheel, INFO);
    assert!(refusal.contains("cannot be written"), "{refusal}");
}

#[test]
fn a_wheel_is_copied_with_its_digest_and_replaces_what_had_its_name_if_that_is_wished() {
    let mut fixture = Fixture::new();
    let bytes = archive::build_tests::wheel(&[("x.pth", b"import x")]);
    let name = "my_pkg-1.0-py3-none-any.whl";
    std::fs::write(fixture.staged(name), &bytes).unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    symlink(outside.path(), fixture.placed(name)).unwrap();
    let refusal = fixture.refusal(HookKind::BuildWheel, name);
    assert!(refusal.contains("`--expect NAME==VERSION`") && refusal.contains("`--replace`"));
    let other = Fixture::new();
    std::fs::write(other.staged(name), &bytes).unwrap();
    other.collect(HookKind::BuildWheel, name, &Limits::default()).unwrap();
    assert_eq!(std::fs::read(other.placed(name)).unwrap(), bytes);

    fixture.1.expected = Expected::new("my.pkg", Some("1"), None);
    let harvest = fixture.collect(HookKind::BuildWheel, name, &Limits::default()).unwrap();
    let expected = Harvested {
        path: name.into(),
        size: bytes.len() as u64,
        sha256: hex(&Sha256::digest(&bytes)),
    };
    assert_eq!(harvest.files, [expected]);
    assert_eq!(harvest.notes[0].kind, NoteKind::StartUp);
    assert_eq!(std::fs::read(fixture.placed(name)).unwrap(), bytes);
    assert_eq!(fixture.placed(name).symlink_metadata().unwrap().mode(), 0o100_644);
    assert_eq!(std::fs::read(outside.path()).unwrap(), b"");
    fixture.1.strict = true;
    assert!(fixture.refusal(HookKind::BuildWheel, name).contains("`--strict-artefacts`"));
}

#[test]
fn two_names_that_are_one_elsewhere_are_refused_unless_they_are_wished() {
    let mut fixture = Fixture::new();
    let bytes = archive::build_tests::wheel(&[("my_pkg/a.py", b""), ("my_pkg/A.py", b"")]);
    let name = "my_pkg-1.0-py3-none-any.whl";
    std::fs::write(fixture.staged(name), &bytes).unwrap();
    assert!(fixture.refusal(HookKind::BuildWheel, name).contains("`--allow-twins`"));
    (fixture.1.twins, fixture.1.strict) = (true, true);
    let harvest = fixture.collect(HookKind::BuildWheel, name, &Limits::default()).unwrap();
    assert_eq!(harvest.notes[0].kind, NoteKind::Twin);
}

#[test]
fn a_wheel_that_is_none_is_not_handed_over() {
    let fixture = Fixture::new();
    std::fs::write(fixture.staged(WHEEL), "PK").unwrap();
    assert!(fixture.refusal(HookKind::BuildWheel, WHEEL).contains("no zip file"));
}

/// One whose answer is not about what lies there.
struct Liar(Opinion);

impl Inspector for Liar {
    fn ask(&mut self, _: &Question, _: BorrowedFd<'_>) -> Result<Opinion, Why> {
        Ok(self.0.clone())
    }
}

#[test]
fn what_is_copied_is_what_was_inspected_or_nothing_is_handed_over() {
    let fixture = Fixture::new();
    let name = "my_pkg-1.0-py3-none-any.whl";
    std::fs::write(fixture.staged(name), archive::build_tests::wheel(&[])).unwrap();
    let answer = Answer::File { name: name.into(), artefact: Artefact::wheel(name).unwrap() };
    let returned = Return { hook: HookKind::BuildWheel, answer, warnings: Vec::new() };
    let staging = File::open(fixture.staged("")).unwrap();
    let directory = File::open(fixture.placed("")).unwrap();
    let destination = Destination { directory: directory.as_fd(), owner: None };
    let limits = Limits::default();
    for (opinion, said) in [
        (Opinion::Archive(vec![], [0; 32]), "changed between"),
        (Opinion::Refused("no".into()), "no"),
        (Opinion::Metadata([0; 32]), "another question"),
    ] {
        let collected = collect(
            &returned,
            staging.as_fd(),
            &destination,
            (&limits, &Wishes::default()),
            &mut Liar(opinion),
        );
        let why = collected.err().unwrap().to_string();
        assert!(why.contains(said), "{why}");
        assert_eq!(entries(&fixture.placed("")), Vec::<std::ffi::OsString>::new());
    }
}

#[test]
fn a_file_that_is_longer_than_what_is_taken_is_refused_unread_and_holes_are_not_written() {
    let fixture = Fixture::new();
    let name = "my_pkg-1.0-py3-none-any.whl";
    std::fs::write(fixture.staged(name), archive::build_tests::wheel(&[])).unwrap();
    File::options().write(true).open(fixture.staged(name)).unwrap().set_len(300 << 20).unwrap();
    let limits = Limits { artefact_bytes: 200 << 20, ..Limits::default() };
    let refused = fixture.collect(HookKind::BuildWheel, name, &limits).unwrap_err();
    assert!(refused.to_string().contains("raise `--output`"), "{refused}");
    let opened = File::open(fixture.staged(name)).unwrap();
    let directory = File::open(fixture.placed("")).unwrap();
    let destination = Destination { directory: directory.as_fd(), owner: None };
    let copy = copy_file(&opened, 300 << 20, &destination, &mut Direct).unwrap();
    copy.draft.publish(OsStr::new("copy"), &Replacing::default()).unwrap();
    let meta = fixture.placed("copy").metadata().unwrap();
    assert_eq!((meta.len(), meta.blocks() < 4096), (300 << 20, true));
    let whole = std::fs::read(fixture.staged(name)).unwrap();
    assert_eq!(copy.sha256, hex(&Sha256::digest(&whole)));
}
