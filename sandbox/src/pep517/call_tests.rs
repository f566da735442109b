//! Calls as front ends make them, and as nobody should.

use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;

/// A front end's script, a source tree, a control directory and an output directory.
struct Fixture {
    _tree: tempfile::TempDir,
    root: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().canonicalize().unwrap();
        for directory in ["src", "control", "out", "meta/pkg-1.0.dist-info"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        std::fs::write(root.join("_in_process.py"), "").unwrap();
        Self { _tree: tree, root }
    }

    fn input(&self, text: &str) -> &Self {
        std::fs::write(self.root.join("control/input.json"), text).unwrap();
        self
    }

    fn wheel_input(&self, directory: &Path) -> &Self {
        let kwargs = serde_json::json!({"kwargs": {
            "wheel_directory": directory, "config_settings": null,
            "metadata_directory": self.root.join("meta/pkg-1.0.dist-info"),
        }});
        self.input(&kwargs.to_string())
    }

    fn call(&self, hook: &str) -> Result<HookCall, HookError> {
        self.call_in(hook, &self.root.join("control"))
    }

    fn call_in(&self, hook: &str, control: &Path) -> Result<HookCall, HookError> {
        let script = self.root.join("_in_process.py");
        let argv = [OsStr::new("python3"), script.as_os_str(), OsStr::new(hook), control.as_ref()];
        HookCall::parse(&argv.map(OsStr::to_owned), &self.root.join("src"), &[])
    }

    fn refusal(&self, hook: &str) -> String {
        self.call(hook).unwrap_err().to_string()
    }
}

#[test]
fn a_wheel_call_gives_every_path() {
    let fixture = Fixture::new();
    let call = fixture.wheel_input(&fixture.root.join("out")).call("build_wheel").unwrap();
    assert_eq!((call.python.to_str(), call.hook), (Some("python3"), HookKind::BuildWheel));
    assert_eq!(call.script, fixture.root.join("_in_process.py"));
    assert_eq!(call.source, fixture.root.join("src"));
    let metadata = fixture.root.join("meta/pkg-1.0.dist-info");
    let named = [&call.control, call.output.as_ref().unwrap(), call.metadata.as_ref().unwrap()];
    let expected = [fixture.root.join("control"), fixture.root.join("out"), metadata];
    assert_eq!(named, expected.each_ref());
    let trees: Vec<_> = call.trees().map(|tree| (tree.purpose, tree.path)).collect();
    let purposes = [Purpose::Control, Purpose::Output, Purpose::Metadata];
    assert_eq!(trees, purposes.into_iter().zip(expected).collect::<Vec<_>>());
    assert!(call.trees().all(|tree| tree.identity.is_some()));
    assert!(call.open_output().unwrap().is_some());
    assert!(call.open_control().is_ok());
}

#[test]
fn a_question_has_no_output_directory() {
    let fixture = Fixture::new();
    fixture.input(r#"{"kwargs": {"config_settings": {"a": ["b"]}}}"#);
    let call = fixture.call("get_requires_for_build_sdist").unwrap();
    assert_eq!((&call.output, &call.metadata), (&None, &None));
    assert!(fixture.input(r#"{"kwargs": {}}"#).call("_supported_features").is_ok());
}

#[test]
fn the_output_of_a_metadata_hook_is_the_metadata_directory() {
    let fixture = Fixture::new();
    fixture.input(&format!(
        r#"{{"kwargs": {{"metadata_directory": {:?}, "_allow_fallback": true}}}}"#,
        fixture.root.join("meta")
    ));
    let call = fixture.call("prepare_metadata_for_build_wheel").unwrap();
    assert_eq!((&call.output, &call.metadata), (&Some(fixture.root.join("meta")), &None));
}

#[test]
fn the_real_script_of_pyproject_hooks_may_be_a_link() {
    let fixture = Fixture::new();
    std::fs::rename(fixture.root.join("_in_process.py"), fixture.root.join("cached")).unwrap();
    symlink("cached", fixture.root.join("_in_process.py")).unwrap();
    assert!(fixture.input(r#"{"kwargs": {}}"#).call("_supported_features").is_ok());
}

#[test]
fn another_command_is_sent_to_run() {
    let cwd = Path::new("/");
    for argv in [&["make"][..], &[], &["a", "b", "c", "d", "e"], &["sh", "/bin/sh", "-c", "x"]] {
        let argv: Vec<_> = argv.iter().map(OsString::from).collect();
        let error = HookCall::parse(&argv, cwd, &[]).unwrap_err().to_string();
        assert!(error.contains("bulkhead run"), "{error}");
    }
}

#[test]
fn an_unknown_hook_is_named_with_the_nearest() {
    let fixture = Fixture::new();
    assert!(fixture.input("{}").refusal("build_wheels").contains("did you mean `build_wheel`?"));
    assert!(fixture.refusal("").contains("unknown hook"));
}

#[test]
fn a_control_directory_must_be_a_plain_directory() {
    let fixture = Fixture::new();
    fixture.input(r#"{"kwargs": {}}"#);
    symlink("../control", fixture.root.join("src/link")).unwrap();
    std::fs::create_dir(fixture.root.join("new\nline")).unwrap();
    let cases = [
        ("src/link", "symbolic link"),
        ("new\nline", "newline"),
        ("nowhere", "does not exist"),
        ("_in_process.py", "not a directory"),
        ("src/../control", "`..`"),
    ];
    for (name, said) in cases {
        let error = fixture.call_in("_supported_features", &fixture.root.join(name)).unwrap_err();
        assert!(error.to_string().contains(said), "{name:?}: {error}");
    }
    assert!(fixture.call_in("_supported_features", Path::new("")).is_err());
}

#[test]
fn an_input_that_lies_gets_its_own_sentence() {
    let fixture = Fixture::new();
    assert!(fixture.refusal("build_wheel").contains("pyproject_hooks writes it"));
    let deep = format!("{{\"kwargs\": {}", "[".repeat(10_000));
    let cases = [
        ("", "not valid JSON"),
        ("[]", "not a JSON object"),
        (deep.as_str(), "deeper than 64"),
        ("{}", "no object under the key `kwargs`"),
        (r#"{"kwargs": []}"#, "no object under the key `kwargs`"),
        (r#"{"kwargs": {}}"#, "`wheel_directory`"),
        (r#"{"kwargs": {"wheel_directory": null}}"#, "`wheel_directory`"),
        (r#"{"kwargs": {"wheel_directory": ["/tmp"]}}"#, "`wheel_directory`"),
        (r#"{"kwargs": {"wheel_directory": ""}}"#, "does not exist"),
        (r#"{"kwargs": {"wheel_directory": "/"}}"#, "root directory"),
        (r#"{"kwargs": {"wheel_directory": "/a\u0000b"}}"#, "control character"),
        (r#"{"kwargs": {"wheel_directory": "/\ud800"}}"#, "not valid JSON in UTF-8"),
        (r#"{"kwargs": {"wheel_directory": "/nowhere/at/all"}}"#, "does not exist"),
        (r#"{"kwargs": {"wheel_directory": "/proc/self/status"}}"#, "not a directory"),
    ];
    for (text, said) in cases {
        let error = fixture.input(text).refusal("build_wheel");
        assert!(error.contains(said), "{}: {error}", &text[..text.len().min(60)]);
    }
}

#[test]
fn an_input_of_a_gigabyte_is_refused_unread() {
    let fixture = Fixture::new();
    let file = std::fs::File::create(fixture.root.join("control/input.json")).unwrap();
    file.set_len(1 << 30).unwrap();
    assert!(fixture.refusal("build_wheel").contains("at most 16777216"));
}

#[test]
fn an_input_that_is_a_link_is_refused() {
    let fixture = Fixture::new();
    std::fs::write(fixture.root.join("elsewhere"), r#"{"kwargs": {}}"#).unwrap();
    symlink("../elsewhere", fixture.root.join("control/input.json")).unwrap();
    assert!(fixture.refusal("_supported_features").contains("symbolic link"));
}

#[test]
fn a_source_tree_cannot_redirect_its_own_dist_directory() {
    let fixture = Fixture::new();
    symlink("../out", fixture.root.join("src/dist")).unwrap();
    std::fs::create_dir(fixture.root.join("out/inner")).unwrap();
    for directory in ["src/dist", "src/dist/inner"] {
        fixture.wheel_input(&fixture.root.join(directory));
        let said = fixture.refusal("build_wheel");
        assert!(said.contains("symbolic link") || said.contains("not a directory"), "{said}");
    }
    std::fs::create_dir(fixture.root.join("src/real")).unwrap();
    assert!(fixture.wheel_input(&fixture.root.join("src/real")).call("build_wheel").is_ok());
}

#[test]
fn no_directory_of_a_call_is_led_elsewhere_by_what_builds_write_to() {
    let fixture = Fixture::new();
    for directory in ["granted", "victim/dist"] {
        std::fs::create_dir_all(fixture.root.join(directory)).unwrap();
    }
    let places = ["src/link", "out/link", "granted/link"];
    for place in places {
        symlink("../victim", fixture.root.join(place)).unwrap();
    }
    let script = fixture.root.join("_in_process.py");
    for place in places
        .iter()
        .flat_map(|place| [fixture.root.join(place), fixture.root.join(place).join("dist")])
    {
        // The link may be on the way to the output, and to the metadata.
        let kwargs = |output: &Path, metadata: Option<&Path>| {
            serde_json::json!({"kwargs": {"wheel_directory": output, "config_settings": null,
                "metadata_directory": metadata}})
        };
        let out = fixture.root.join("out");
        for input in [kwargs(&place, None), kwargs(&out, Some(&place))] {
            // Only where the output directory is named is it known as one.
            fixture.input(&input.to_string());
            let control = fixture.root.join("control");
            let words = ["python3".into(), script.clone(), "build_wheel".into(), control];
            let argv = words.map(PathBuf::into_os_string);
            let granted = [fixture.root.join("granted"), out.clone()];
            let error = HookCall::parse(&argv, &fixture.root.join("src"), &granted).unwrap_err();
            assert!(error.to_string().contains("symbolic link"), "{place:?}: {error}");
        }
    }
}

#[test]
fn a_directory_that_is_exchanged_after_the_call_was_read_stays_the_one_that_was_read() {
    let fixture = Fixture::new();
    let call = fixture.wheel_input(&fixture.root.join("out")).call("build_wheel").unwrap();
    std::fs::rename(fixture.root.join("out"), fixture.root.join("old")).unwrap();
    std::fs::create_dir(fixture.root.join("victim")).unwrap();
    symlink("victim", fixture.root.join("out")).unwrap();
    let output = call.open_output().unwrap().unwrap();
    rustix::fs::mkdirat(output, "made", Mode::from_raw_mode(0o755)).unwrap();
    assert!(fixture.root.join("old/made").exists());
    assert!(!fixture.root.join("victim/made").exists());
}

#[test]
fn a_name_through_a_link_of_the_callers_own_is_told() {
    let fixture = Fixture::new();
    symlink(".", fixture.root.join("alias")).unwrap();
    let named = fixture.root.join("alias/out");
    let call = fixture.wheel_input(&named).call("build_wheel").unwrap();
    assert!(call.names().any(|names| names == (named.clone(), fixture.root.join("out"))));
    assert!(call.trees().any(|tree| tree.path == fixture.root.join("out")));
}

#[test]
fn an_output_directory_that_is_also_the_source_tree_is_refused() {
    let fixture = Fixture::new();
    let said = fixture.wheel_input(&fixture.root.join("src/.")).refusal("build_wheel");
    assert!(said.contains("also the source tree"), "{said}");
    assert!(fixture.wheel_input(&fixture.root).call("build_wheel").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arbitrary_words_and_input_never_panic(
        words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..6),
        input in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let argv: Vec<_> = words.iter().map(|word| OsStr::from_bytes(word).to_owned()).collect();
        prop_assert!(HookCall::parse(&argv, Path::new("/"), &[]).is_err());
        let fixture = Fixture::new();
        std::fs::write(fixture.root.join("control/input.json"), input).unwrap();
        let _ = fixture.call("build_wheel");
    }
}
