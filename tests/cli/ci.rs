//! What CI services run: the shell of action.yml, of the workflow and of the GitLab template is
//! taken out of them and run here, with a program that only pretends.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;
use yaml_rust2::{Yaml, YamlLoader};

/// Words that a shell would do something with, if it were let.
const HOSTILE: &str = "$(touch pwned) `touch pwned` \"; touch pwned; ' ${IFS} * \\ -rf é";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn yaml(file: &str) -> Yaml {
    let text = fs::read_to_string(root().join(file)).unwrap();
    YamlLoader::load_from_str(&text).unwrap().remove(0)
}

/// A place to run in, with a harness that writes down how it was called.
struct Service {
    dir: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Service {
    fn new(status: i32) -> Self {
        let service = Self { dir: tempfile::tempdir().unwrap(), variables: BTreeMap::new() };
        // One call is one file, one argument is one line that ends with a mark of its own.
        let program = format!(
            "#!/bin/sh\nn=$(ls calls | wc -l)\nfor word; do printf '%s<<\\n' \"$word\"; done \
             >calls/$n\ncase $1 in\nrun|merge)\n  for word; do case $word in --out=*) \
             mkdir -p \"${{word#--out=}}/root\"; echo '{{}}' >\"${{word#--out=}}/root/own.json\";; \
             esac; done\n  echo '::set-output name=x::y'\n  exit {status};;\ndiff) exit \
             ${{FAKE_DIFF:-0}};;\nreport) echo \"view $3\";;\nesac\n"
        );
        service.executable("harness", &program);
        service.executable("bin/sudo", "#!/bin/sh\nshift\nexec \"$@\"\n");
        fs::create_dir(service.dir.path().join("calls")).unwrap();
        service
    }

    fn executable(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs a script as the runner does, with nothing of our own environment.
    fn bash(&self, script: &str) -> Output {
        let bin = self.dir.path().join("bin");
        Command::new("/bin/bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin", bin.display()))
            .env("HARNESS_PROGRAM", self.dir.path().join("harness"))
            .envs(&self.variables)
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }

    /// The arguments of every call.
    fn calls(&self) -> Vec<Vec<String>> {
        let dir = self.dir.path().join("calls");
        let count = fs::read_dir(&dir).unwrap().count();
        let call = |n: usize| {
            let text = fs::read_to_string(dir.join(n.to_string())).unwrap();
            text.split_terminator("<<\n").map(str::to_owned).collect()
        };
        (0..count).map(call).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.dir.path().join(name).exists()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

/// Runs the steps of the action with these inputs; how the last one ended.
fn action(mut service: Service, inputs: &[(&str, &str)]) -> (Service, Output) {
    let action = yaml("action.yml");
    let value = |expression: &str| {
        let name = expression.trim_start_matches("${{").trim_end_matches("}}").trim();
        if name == "github.action_path" {
            return root().display().to_string();
        }
        let name = name.strip_prefix("inputs.").unwrap_or_else(|| panic!("unknown: {name}"));
        let declared = &action["inputs"][name];
        assert!(!declared.is_badvalue(), "{name} is no input");
        let given = inputs.iter().find(|(input, _)| *input == name).map(|(_, value)| *value);
        given.unwrap_or_else(|| declared["default"].as_str().unwrap()).to_owned()
    };
    let mut last = None;
    for step in action["runs"]["steps"].as_vec().unwrap() {
        if step["uses"].as_str().is_some() {
            continue;
        }
        assert_eq!(step["shell"].as_str(), Some("bash"));
        let mut variables = BTreeMap::new();
        for (name, expression) in step["env"].as_hash().unwrap() {
            let (name, expression) = (name.as_str().unwrap(), expression.as_str().unwrap());
            variables.insert(name.to_owned(), value(expression));
        }
        if variables["HARNESS_PROGRAM"].is_empty() {
            variables.remove("HARNESS_PROGRAM");
        }
        for (name, value) in [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_STEP_SUMMARY", "summary.md"),
            ("GITHUB_OUTPUT", "output"),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
        service.variables = variables;
        let output = service.bash(step["run"].as_str().unwrap());
        let ended = output.status.success();
        last = Some(output);
        if !ended {
            break;
        }
    }
    (service, last.unwrap())
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn inputs_are_arguments_as_they_are_and_results_become_outputs_and_a_summary() {
    let inputs = [
        ("target", "own@full\nbubblewrap\n"),
        ("host", "root"),
        ("expression", "secrets/ & severity(>=high)"),
        ("partition", "slice:1/3"),
        ("check", "true"),
        ("jobs", "2"),
        ("targets", "sandboxes"),
        ("deny-escapes", "true"),
    ];
    let (service, output) = action(Service::new(0), &inputs);
    assert!(output.status.success(), "{}", told(&output));
    let expected = [
        "run",
        "--out=harness-results",
        "--target=own@full",
        "--target=bubblewrap",
        "--host=root",
        "--targets=sandboxes",
        "--expression=secrets/ & severity(>=high)",
        "--partition=slice:1/3",
        "--jobs=2",
        "--check",
        "--deny-escapes",
    ];
    assert_eq!(service.calls()[0], expected);
    assert_eq!(service.read("output"), "status=0\nout=harness-results\n");
    assert_eq!(service.read("summary.md"), "view summary\n");
    assert_eq!(service.read("harness-results/harness.sarif"), "view sarif\n");
}

#[rstest]
#[case("expression", "--expression=")]
#[case("target", "--target=")]
#[case("host", "--host=")]
#[case("catalogue", "--catalogue=")]
#[case("targets", "--targets=")]
#[case("partition", "--partition=")]
#[case("affected", "--affected=")]
#[case("python", "--python=")]
#[case("jobs", "--jobs=")]
#[case("out", "--out=")]
fn a_hostile_input_is_a_strange_word_and_nothing_else(#[case] input: &str, #[case] option: &str) {
    // A folder of results cannot have a slash or a star's worth of meaning either.
    let (service, output) = action(Service::new(0), &[(input, HOSTILE)]);
    assert!(output.status.success(), "{}", told(&output));
    let calls = service.calls();
    assert!(calls[0].contains(&format!("{option}{HOSTILE}")), "{calls:?}");
    assert!(!service.has("pwned") && !service.has("harness-results/pwned"), "{calls:?}");
}

#[test]
fn a_value_of_two_lines_cannot_forge_an_output() {
    let (service, output) = action(Service::new(0), &[("out", "a\nstatus=0")]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(!service.read("output").contains("out="), "{}", service.read("output"));
}

#[test]
fn an_escape_fails_the_step_and_is_in_the_outputs_and_the_summary() {
    let (service, output) = action(Service::new(10), &[]);
    assert_eq!(output.status.code(), Some(10));
    assert!(service.read("output").contains("status=10\n"));
    assert_eq!(service.read("summary.md"), "view summary\n");
}

#[test]
fn what_a_run_prints_is_no_command_of_the_runner() {
    let (_, output) = action(Service::new(0), &[]);
    let text = told(&output);
    let (before, rest) = text.split_once("::stop-commands::").unwrap();
    let token = rest.lines().next().unwrap();
    assert_eq!(token.len(), 32, "{token}");
    let at = rest.find("::set-output").unwrap();
    let end = rest.find(&format!("\n::{token}::\n")).unwrap();
    assert!(!before.contains("::set-output") && at < end, "{text}");
    // The annotations that we make ourselves are commands, and come afterwards.
    assert!(rest[end..].contains("view github"), "{text}");
    let (_, other) = action(Service::new(0), &[]);
    assert!(!told(&other).contains(token), "the token can be foreseen");
}

#[test]
fn where_no_change_affects_an_attack_the_step_succeeds() {
    let (_, output) = action(Service::new(4), &[("affected", "main")]);
    assert!(output.status.success() && told(&output).contains("none was tried"));
    let (_, output) = action(Service::new(4), &[("expression", "secretz/")]);
    assert_eq!(output.status.code(), Some(4), "without it, nothing selected is a mistake");
}

#[test]
fn shards_are_merged_and_compared_when_all_of_them_are_there() {
    let service = Service::new(0);
    for shard in ["shard-1", "shard 2"] {
        fs::create_dir_all(service.dir.path().join("shards").join(shard)).unwrap();
    }
    let (service, output) = action(service, &[("merge", "shards"), ("check", "true")]);
    assert!(output.status.success(), "{}", told(&output));
    let calls = service.calls();
    assert_eq!(calls[0][..3], ["merge", "--out=harness-results", "--"]);
    assert_eq!(calls[0][3..], ["shards/shard 2/", "shards/shard-1/"]);
    let compared = ["diff", "--", "reports/root/own.json", "harness-results/root/own.json"];
    assert_eq!(calls[1], compared);
    let (_, output) = action(Service::new(0), &[("merge", "nowhere")]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
}

#[test]
fn a_merged_report_that_differs_fails() {
    let service = Service::new(0).set("FAKE_DIFF", "13").set("HARNESS_CHECK", "true");
    fs::create_dir_all(service.dir.path().join("harness-shards/1")).unwrap();
    let output = service.bash(&format!("'{}/.ci/harness' merge", root().display()));
    assert_eq!(output.status.code(), Some(13), "{}", told(&output));
}

#[rstest]
#[case("success success", true)]
#[case("success failure", false)]
#[case("success skipped", false)]
#[case("cancelled", false)]
#[case("", false)]
#[case("*", false)]
fn the_required_job_succeeds_only_if_all_others_did(#[case] results: &str, #[case] good: bool) {
    let workflow = yaml("docs/ci/bulkhead.github.yml");
    let steps = workflow["jobs"]["required"]["steps"].as_vec().unwrap();
    let script = steps.iter().find_map(|step| step["run"].as_str()).unwrap();
    let script = script.replace(".ci/harness", &format!("'{}/.ci/harness'", root().display()));
    let service = Service::new(0).set("HARNESS_RESULTS", results);
    assert_eq!(service.bash(&script).status.success(), good, "{results}");
}

#[test]
fn no_script_of_the_action_or_the_workflow_has_an_expression_in_it() {
    let (action, workflow) = (yaml("action.yml"), yaml("docs/ci/bulkhead.github.yml"));
    let jobs = workflow["jobs"].as_hash().unwrap().values();
    let steps = jobs.flat_map(|job| job["steps"].as_vec().unwrap());
    let mut scripts = 0;
    for step in steps.chain(action["runs"]["steps"].as_vec().unwrap()) {
        let Some(script) = step["run"].as_str() else { continue };
        assert!(!script.contains("${{"), "{script}");
        scripts += 1;
    }
    assert_eq!(scripts, 3);
}

#[test]
fn the_workflow_gives_the_action_only_inputs_that_it_has_and_needs_every_job() {
    let (action, workflow) = (yaml("action.yml"), yaml("docs/ci/bulkhead.github.yml"));
    let jobs = workflow["jobs"].as_hash().unwrap();
    for (_, job) in jobs {
        for step in job["steps"].as_vec().unwrap() {
            if step["uses"].as_str() != Some("./") {
                continue;
            }
            for (input, _) in step["with"].as_hash().unwrap() {
                let input = input.as_str().unwrap();
                assert!(!action["inputs"][input].is_badvalue(), "{input} is no input");
            }
        }
    }
    let shards = workflow["jobs"]["trials"]["strategy"]["matrix"]["shard"].as_vec().unwrap();
    let steps = workflow["jobs"]["trials"]["steps"].as_vec().unwrap();
    let share = steps.iter().find_map(|step| step["with"]["partition"].as_str()).unwrap();
    assert!(share.ends_with(&format!("/{}", shards.len())), "{share}");
    let needs = workflow["jobs"]["required"]["needs"].as_vec().unwrap();
    assert_eq!(needs.len() + 1, jobs.len(), "the required job needs all the others");
}

/// The lines that a job of the template runs, one after the other in one shell.
fn gitlab(job: &str) -> String {
    let template = yaml("docs/ci/bulkhead.gitlab-ci.yml");
    let before = template[".harness"]["before_script"].as_vec().unwrap().iter();
    let lines = before.chain(template[job]["script"].as_vec().unwrap());
    // Nothing is installed here.
    let lines =
        lines.map(|line| line.as_str().unwrap()).filter(|line| !line.starts_with("apt-get"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What another repository clones: the script alone, as a commit.
fn published(service: Service) -> Service {
    let origin = service.dir.path().join("origin");
    fs::create_dir_all(origin.join(".ci")).unwrap();
    fs::copy(root().join(".ci/harness"), origin.join(".ci/harness")).unwrap();
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(&origin).args(["-c", "user.name=a", "-c", "user.email=a@a.invalid"]);
        assert!(command.args(args).output().unwrap().status.success(), "{args:?}");
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=a"]);
    let origin = origin.display().to_string();
    service.set("BULKHEAD_REPOSITORY", &origin).set("BULKHEAD_REF", "main")
}

#[test]
fn the_gitlab_template_says_what_another_repository_has_to_set() {
    let output = Service::new(0).bash(&gitlab("trials"));
    assert!(!output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("BULKHEAD_REPOSITORY: is not set"), "{}", told(&output));
}

#[test]
fn the_harness_is_built_where_its_compiler_is_pinned() {
    let service = Service::new(0);
    service.executable("bin/cargo", "#!/bin/sh\npwd >\"$SEEN\"\n");
    let seen = service.dir.path().join("seen").display().to_string();
    let service = service.set("SEEN", &seen).set("HARNESS_PROGRAM", "");
    let output = service.bash(&format!("'{}/.ci/harness' build", root().display()));
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(service.read("seen").trim_end(), root().display().to_string());
}

#[test]
fn the_gitlab_template_keeps_the_results_of_a_shard_in_which_something_got_through() {
    let service = published(Service::new(10))
        .set("HARNESS_OUT", "shard")
        .set("CI_NODE_INDEX", "2")
        .set("CI_NODE_TOTAL", "3");
    let output = service.bash(&gitlab("trials"));
    assert_eq!(output.status.code(), Some(10), "{}", told(&output));
    assert!(service.calls()[0].contains(&"--partition=slice:2/3".to_owned()));
    assert!(service.has("shards/2/root/own.json"));
    assert!(!service.has("shard"));
}

#[test]
fn the_gitlab_template_merges_what_its_shards_left() {
    let service =
        published(Service::new(0)).set("HARNESS_SHARDS", "shards").set("HARNESS_CHECK", "true");
    fs::create_dir_all(service.dir.path().join("shards/1")).unwrap();
    let output = service.bash(&gitlab("report"));
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(service.calls()[0], ["merge", "--out=harness-results", "--", "shards/1/"]);
    assert!(service.has("harness-results/harness.junit.xml"));
}
