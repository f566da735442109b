//! Answers as `pyproject_hooks` writes them, and as a payload might.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use rstest::rstest;

use serde_json::json;

use super::*;
use crate::harvest::answer::{Answer, parse};
use crate::harvest::expected::Expected;
use crate::harvest::question::direct::Direct;

fn parsed(hook: HookKind, text: &str) -> Result<Return, Why> {
    parse(text.as_bytes(), hook, &Limits::default())
}

fn refusal(hook: HookKind, text: &str) -> String {
    parsed(hook, text).unwrap_err().to_string()
}

const REQUIRES: HookKind = HookKind::GetRequiresForBuildWheel;

#[test]
fn what_pyproject_hooks_writes_is_understood() {
    let text = r#"{"unsupported": false, "return_val": ["setuptools>=61", "wheel"], "warnings": [
        {"message": "old", "filename": "/src/setup.py", "lineno": 3}]}"#;
    let found = parsed(REQUIRES, text).unwrap();
    assert_eq!(found.answer, Answer::Requirements(vec!["setuptools>=61".into(), "wheel".into()]));
    assert_eq!(found.warnings[0].lineno, 3);
    let found = parsed(HookKind::BuildWheel, r#"{"return_val": "pkg-1.0-py3-none-any.whl"}"#);
    assert_eq!(found.unwrap().file().unwrap().0, "pkg-1.0-py3-none-any.whl");
    let found = parsed(HookKind::SupportedFeatures, r#"{"return_val": ["build_editable"]}"#);
    assert_eq!(found.unwrap().answer, Answer::Features(vec!["build_editable".into()]));
}

#[rstest]
#[case(HookKind::BuildSdist, r#"{"unsupported": true, "return_val": null, "traceback": "t"}"#)]
#[case(HookKind::BuildWheel, r#"{"no_backend": true, "traceback": "t", "backend_error": "m"}"#)]
#[case(HookKind::BuildWheel, r#"{"backend_invalid": true, "backend_error": "m"}"#)]
#[case(HookKind::BuildEditable, r#"{"hook_missing": true, "missing_hook_name": "build_editable"}"#)]
#[case(HookKind::PrepareMetadataForBuildWheel, r#"{"hook_missing": true}"#)]
#[case(
    HookKind::PrepareMetadataForBuildEditable,
    r#"{"hook_missing": true, "missing_hook_name": "build_editable"}"#
)]
fn a_failure_that_the_hook_can_have_is_passed_on(#[case] hook: HookKind, #[case] text: &str) {
    let found = parsed(hook, text).unwrap();
    assert!(found.file().is_none());
    let again = parsed(hook, &found.to_json().to_string()).unwrap();
    assert_eq!(again.answer, found.answer);
}

#[rstest]
#[case(HookKind::BuildWheel, r#"{"unsupported": true}"#)]
#[case(REQUIRES, r#"{"hook_missing": true}"#)]
#[case(HookKind::BuildWheel, r#"{"hook_missing": true, "missing_hook_name": "build_wheel"}"#)]
#[case(HookKind::BuildEditable, r#"{"hook_missing": true, "missing_hook_name": "build_wheel"}"#)]
#[case(HookKind::BuildEditable, r#"{"hook_missing": true, "missing_hook_name": "x\n"}"#)]
fn a_failure_that_would_force_a_fallback_is_refused(#[case] hook: HookKind, #[case] text: &str) {
    assert!(refusal(hook, text).contains("cannot answer"));
}

#[rstest]
#[case(REQUIRES, r#"{"return_val": ["x @ http://203.0.113.7/x.whl"]}"#, "names a URL")]
#[case(REQUIRES, r#"{"return_val": ["-r /root/.netrc"]}"#, "an option")]
#[case(REQUIRES, r#"{"return_val": ["a\nb"]}"#, "newline")]
#[case(REQUIRES, r#"{"return_val": "setuptools"}"#, "a list of texts")]
#[case(REQUIRES, r#"{"return_val": [1]}"#, "a list of texts")]
#[case(REQUIRES, r#"{"return_val": null}"#, "a list of texts")]
#[case(REQUIRES, "{}", "a list of texts")]
#[case(REQUIRES, r#"{"unsupported": "yes"}"#, "true or false")]
#[case(REQUIRES, r#"{"return_val": [], "warnings": [{"message": "x"}]}"#, "a list of warnings")]
#[case(HookKind::BuildWheel, r#"{"return_val": "../../x-1-py3-none-any.whl"}"#, "plain file name")]
#[case(HookKind::BuildWheel, r#"{"return_val": "/x-1-py3-none-any.whl"}"#, "plain file name")]
#[case(HookKind::BuildWheel, r#"{"return_val": "x-1.tar.gz"}"#, "a wheel is named")]
#[case(HookKind::BuildWheel, r#"{"return_val": null}"#, "a file name")]
#[case(HookKind::BuildSdist, r#"{"return_val": "x-1-py3-none-any.whl"}"#, "an sdist is named")]
#[case(
    HookKind::PrepareMetadataForBuildWheel,
    r#"{"return_val": "../x-1.dist-info"}"#,
    "plain file name"
)]
#[case(HookKind::SupportedFeatures, r#"{"return_val": ["rm"]}"#, "unknown")]
#[case(REQUIRES, "[]", "not a JSON object")]
fn a_lie_gets_its_own_sentence(#[case] hook: HookKind, #[case] text: &str, #[case] said: &str) {
    let refusal = refusal(hook, text);
    assert!(refusal.contains(said), "{refusal}");
}

#[test]
fn an_answer_that_was_not_asked_for_is_refused_whatever_it_names() {
    let expected = Expected::new("pkg", Some("1.0"), None).unwrap();
    let cases = [
        (HookKind::BuildWheel, "pkg-1.0-py3-none-any.whl", "pkg-1.0-9zz-py3-none-any.whl"),
        (HookKind::BuildEditable, "pkg-1-py3-none-any.whl", "pip-1.0-py3-none-any.whl"),
        (HookKind::BuildSdist, "pkg-1.0.tar.gz", "pkg-1!1.0.tar.gz"),
        (HookKind::PrepareMetadataForBuildWheel, "pkg-1.0.dist-info", "pkg-1.0+x.dist-info"),
    ];
    for (hook, honest, other) in cases {
        let answer = |name: &str| parsed(hook, &json!({ "return_val": name }).to_string()).unwrap();
        assert!(answer(honest).expecting(Some(&expected)).is_ok());
        assert!(answer(other).expecting(None).is_ok());
        let refused = answer(other).expecting(Some(&expected)).unwrap_err();
        assert!(matches!(refused.why, Why::Unexpected(_)), "{refused}");
    }
    let nothing = parsed(REQUIRES, r#"{"return_val": ["a"]}"#).unwrap();
    assert_eq!(nothing.clone().expecting(Some(&expected)).unwrap(), nothing);
}

/// setuptools gives every editable wheel this tag.
#[test]
fn the_tag_of_an_editable_wheel_is_asked_for_by_who_asks_for_one() {
    let expected = Expected::new("pkg", Some("1.0"), None).unwrap();
    let answer = |hook, tag: &str| {
        let text = json!({ "return_val": format!("pkg-1.0-{tag}-py3-none-any.whl") }).to_string();
        parsed(hook, &text).unwrap().expecting(Some(&expected))
    };
    let passed = answer(HookKind::BuildEditable, "0.editable").unwrap();
    assert_eq!(passed.file().unwrap().1.build.as_deref(), Some("0.editable"));
    assert!(answer(HookKind::BuildEditable, "1.editable").is_err());
    assert!(answer(HookKind::BuildWheel, "0.editable").is_err());
}

#[test]
fn long_lists_are_refused() {
    let list = vec!["a"; 2001];
    let text = json!({ "return_val": list }).to_string();
    assert!(refusal(REQUIRES, &text).contains("more than 2000"));
}

#[test]
fn a_warning_cannot_make_the_front_end_read_a_file_or_drive_a_terminal() {
    let text = r#"{"return_val": [], "secret": "x", "warnings": [
        {"message": "a\u001b[2J\u202eb", "filename": "/root/.netrc", "lineno": 1}]}"#;
    let written = parsed(REQUIRES, text).unwrap().to_json();
    let warning = &written["warnings"][0];
    assert_eq!(warning["message"], "ab");
    assert_eq!(warning["filename"], "<sandboxed /root/.netrc>");
    assert!(written.get("secret").is_none());
}

#[test]
fn no_text_of_a_back_end_holds_a_command_to_a_ci_service() {
    let text = "x\n::add-path::/x\n##vso[task.prependpath]/x\n##[command]x\nsection_start:1:x";
    let shown = "x\n: :add-path::/x\n##vso [task.prependpath]/x\n## [command]x\nsection_start :1:x";
    let value = json!({
        "no_backend": true, "traceback": text, "backend_error": text,
        "warnings": [{ "message": text, "filename": text, "lineno": 1 }],
    });
    let written = parsed(REQUIRES, &value.to_string()).unwrap().to_json();
    let warning = &written["warnings"][0];
    for found in [&written["traceback"], &written["backend_error"], &warning["message"]] {
        assert_eq!(*found, shown);
    }
    assert_eq!(warning["filename"], format!("<sandboxed {shown}>"));
}

#[test]
fn a_control_directory_is_read_and_written_without_following_links() {
    let limits = Limits::default();
    let tree = tempfile::tempdir().unwrap();
    let outside = tree.path().join("outside");
    std::fs::write(&outside, r#"{"return_val": []}"#).unwrap();
    std::fs::create_dir(tree.path().join("control")).unwrap();
    let output = tree.path().join("control/output.json");
    let control = File::open(tree.path().join("control")).unwrap();
    let missing = read_return(control.as_fd(), REQUIRES, &limits, &mut Direct).unwrap_err();
    assert!(missing.to_string().contains("does not exist"));
    symlink(&outside, &output).unwrap();
    let link = read_return(control.as_fd(), REQUIRES, &limits, &mut Direct).unwrap_err();
    assert!(link.to_string().contains("symbolic link"), "{link}");
    let returned = parsed(REQUIRES, r#"{"return_val": ["wheel"]}"#).unwrap();
    let destination = Destination { directory: control.as_fd(), owner: None };
    return_control_file(&returned, &destination).unwrap().publish().unwrap();
    assert_eq!(std::fs::read(&outside).unwrap(), br#"{"return_val": []}"#);
    assert_eq!(read_return(control.as_fd(), REQUIRES, &limits, &mut Direct).unwrap(), returned);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for hook in HookKind::ALL {
            let _ = parse(&bytes, hook, &Limits::default());
        }
    }

    #[test]
    fn what_is_written_is_what_was_understood(
        text in r"[a-z@/:.=>-]{0,12}",
        flag in prop::option::of(prop_oneof![
            Just("unsupported"), Just("no_backend"), Just("hook_missing"), Just("backend_invalid"),
        ]),
    ) {
        let mut value = json!({ "return_val": [text], "traceback": text, "backend_error": text });
        if let Some(flag) = flag {
            value[flag] = true.into();
        }
        for hook in HookKind::ALL {
            if let Ok(found) = parsed(hook, &value.to_string()) {
                prop_assert_eq!(parsed(hook, &found.to_json().to_string()).unwrap(), found);
            }
        }
    }
}
