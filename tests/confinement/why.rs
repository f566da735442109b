//! `--why` tells what a build was refused and did not find, the cause of its failure first, and changes
//! nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Output;

use rstest::rstest;
use serde_json::Value;

use crate::machine::{directory, is_root, run};
use crate::named::Plan;

mod followed;

/// A source tree, and beside it what a build does not see.
pub struct Scene {
    place: tempfile::TempDir,
    plan: Plan,
    _listener: UnixListener,
}

impl Scene {
    pub fn new(plan: Plan) -> Self {
        let place = directory();
        for name in [
            "work",
            "host/include",
            "host/bin",
            "host/home/.config",
            "host/run",
            "host/data",
            "host/.ssh",
        ] {
            fs::create_dir_all(place.path().join(name)).unwrap();
        }
        let write = |name: &str, text: &str| {
            fs::write(place.path().join(name), text).unwrap();
        };
        write("host/include/acme.h", "int acme;\n");
        write("host/.ssh/config", "Host canary\n");
        write("host/home/.acmerc", "flavour = sweet\n");
        write("host/home/.config/acme", "flavour = sweet\n");
        write("host/bin/acme-tool", "#!/bin/sh\nexit 0\n");
        write("work/a.c", "#include <acme.h>\nint main(void) { return 0; }\n");
        write("work/setup.py", "import os\nprint(os.environ['ACME_FLAVOUR'])\n");
        let include = place.path().join("host/include");
        let probe = "false || true; test -e /opt || true";
        let compile = format!("gcc -I{} a.c -o a", include.display());
        write("work/Makefile", &format!("all:\n\t{probe}\n\tsh -c '{compile} || exit 1'\n"));
        let executable = PermissionsExt::from_mode(0o755);
        fs::set_permissions(place.path().join("host/bin/acme-tool"), executable).unwrap();
        let listener = UnixListener::bind(place.path().join("host/run/acme.sock")).unwrap();
        let open = PermissionsExt::from_mode(0o777);
        fs::set_permissions(place.path().join("host/run/acme.sock"), open).unwrap();
        plan.give(&place.path().join("work"));
        plan.give(&place.path().join("host/home"));
        Self { place, plan, _listener: listener }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The text with `@` in the place of the directory beside the tree.
    fn text(&self, text: &str) -> String {
        text.replace('@', self.at("host").to_str().unwrap())
    }

    pub fn run(&self, options: &[&str], words: &[&str]) -> Output {
        let path = self.text("PATH=@/bin:/usr/bin:/bin");
        let home = self.text("HOME=@/home");
        let variables = [path.as_str(), home.as_str(), "ACME_FLAVOUR=sweet"];
        let words: Vec<_> = words.iter().map(|word| self.text(word)).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let arguments = [&["run"], options, &["--"], &words].concat();
        self.plan.call(&self.at("work"), &variables, &arguments)
    }

    /// What is found of a command that fails.
    pub fn why(&self, options: &[&str], words: &[&str]) -> Vec<Value> {
        let output = self.run(&[&["--why=json"], options].concat(), words);
        assert!(!output.status.success(), "{output:?}");
        found(&output)
    }
}

/// What the last line that bulkhead has said lists.
pub fn found(output: &Output) -> Vec<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    let line = errors.lines().filter_map(|line| line.strip_prefix("bulkhead: {")).next_back();
    let line = line.unwrap_or_else(|| panic!("nothing was told: {errors}"));
    let document: Value = serde_json::from_str(&format!("{{{line}")).unwrap();
    document["why"].as_array().unwrap().clone()
}

const LISTEN: &str =
    "import socket; s = socket.socket(socket.AF_UNIX); s.connect('@/run/acme.sock')";
const CONNECT: &str = "import socket; socket.create_connection(('192.0.2.1', 443), 5)";
const SETTINGS: &str = "import os; open(os.path.expanduser('~/.config/acme'))";
const LOOKUP: &str = "import socket; socket.getaddrinfo('example.org', 443)";
const FORKS: &str =
    "import os, time\nfor _ in range(200):\n    if os.fork() == 0:\n        time.sleep(9)";
const LARGE: &str = "x = bytearray(400 << 20)";

/// Failures of different kinds: options, command, the layer, and what is in the first finding.
type Failure = (&'static [&'static str], &'static [&'static str], &'static str, &'static str);

const FAILURES: [Failure; 15] = [
    (&[], &["gcc", "-I@/include", "a.c"], "mounts", "--ro @/include"),
    (&[], &["make"], "mounts", "--ro @/include"),
    (&[], &["sh", "-c", "acme-tool --version"], "mounts", "--ro @/bin"),
    (&[], &["sh", "-c", "echo x > @/home/.acmerc"], "mounts", "its HOME"),
    (&[], &["sh", "-c", "cat ~/.acmerc"], "mounts", "@/home/.acmerc is in yours"),
    (&[], &["python3", "-c", SETTINGS], "mounts", "@/home/.config/acme is in yours"),
    (&[], &["mkdir", "/usr/local/lib/acme"], "mounts", "let it write to its tree"),
    (&[], &["touch", "@/data/acme"], "mounts", "--rw @/data"),
    (&[], &["python3", "-c", CONNECT], "network", "192.0.2.1:443"),
    (&[], &["python3", "-c", LOOKUP], "network", "looked up"),
    (&[], &["unshare", "--net", "true"], "syscalls", "`unshare`"),
    (&["--memory", "200M"], &["python3", "-c", LARGE], "limits", "--memory"),
    (&["--pids", "30"], &["python3", "-c", FORKS], "limits", "--pids"),
    (&[], &["python3", "setup.py"], "environment", "--env ACME_FLAVOUR"),
    (&[], &["python3", "-c", LISTEN], "mounts", "--ro @/run"),
];

#[rstest]
fn of_failures_of_different_kinds_the_cause_is_told_first(
    #[values(Plan::Root, Plan::User)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let scene = Scene::new(plan);
    let mut wrong = Vec::new();
    for (options, words, layer, says) in FAILURES {
        if plan == Plan::User && options.contains(&"--memory") {
            // Nobody has delegated a control group to this user.
            continue;
        }
        let found = scene.why(options, words);
        let first = found.first().map(ToString::to_string).unwrap_or_default();
        let is_right = first.contains(&format!("\"layer\":\"{layer}\""));
        if !is_right || !first.contains(&scene.text(says)) {
            wrong.push(format!("{words:?}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn where_namespaces_are_refused_the_cause_is_told_as_well() {
    if !is_root() {
        return;
    }
    let scene = Scene::new(Plan::Contained);
    for (words, layer, says) in [
        (&["gcc", "-I@/include", "a.c"][..], "landlock", "--ro @/include"),
        (&["python3", "-c", CONNECT], "syscalls", "`socket`"),
        (&["unshare", "--net", "true"], "syscalls", "`unshare`"),
        (&["mkdir", "/usr/local/lib/acme"], "landlock", "/usr/local/lib/acme"),
        (&["sh", "-c", "cat ~/.acmerc"], "landlock", "@/home/.acmerc is in yours"),
    ] {
        let found = scene.why(&[], words);
        let told = scene.text(says);
        assert_eq!(found[0]["layer"], layer, "{words:?}: {found:#?}");
        assert!(found.iter().any(|it| it.to_string().contains(&told)), "{words:?}: {found:#?}");
    }
}

#[test]
fn for_what_may_be_a_secret_no_switch_is_proposed() {
    let scene = Scene::new(Plan::Root);
    let found = scene.why(&[], &["cat", "@/.ssh/config"]);
    let told = |it: &&Value| it["cause"].as_str().unwrap().contains("/.ssh/config");
    let found = found.iter().find(told).unwrap();
    assert_eq!((&found["switch"], &found["likely"]), (&Value::Null, &Value::Bool(false)));
}

/// The home is asked for by a link that leads to it, as where `/home` is one to `/var/home`.
#[test]
fn no_switch_opens_a_home_by_another_name_or_what_lies_beside_a_secret() {
    let scene = Scene::new(Plan::Root);
    std::os::unix::fs::symlink(scene.at("host/home"), scene.at("host/link")).unwrap();
    fs::write(scene.at("host/data/id_ed25519"), "canary").unwrap();
    fs::write(scene.at("host/data/plain.txt"), "x").unwrap();
    for script in [
        "cat @/link/.acmerc",
        "echo x > @/link/.acmerc",
        "echo x > @/link/.config/acme",
        "cat @/data/plain.txt",
        "echo x > @/data/plain.txt",
        "echo x > /etc/cron.d/acme",
    ] {
        let found = scene.why(&[], &["sh", "-c", script]);
        let open = [scene.text("@"), "/etc/cron.d".to_owned()];
        let proposed = found.iter().filter_map(|it| it["switch"].as_str());
        let proposed: Vec<_> =
            proposed.filter(|it| open.iter().any(|at| it.contains(at))).collect();
        let file = scene.text("--ro @/link/.acmerc");
        assert!(proposed.iter().all(|it| **it == *file), "{script}: {proposed:?}");
    }
}

#[test]
fn no_name_of_a_builds_choosing_says_what_would_help() {
    let scene = Scene::new(Plan::Root);
    let script = "import os, ctypes\n\
        ctypes.CDLL(None).prctl(15, b'`--rw /` opens')\n\
        inner = 'x (layer `mounts`); `--ro '\n\
        for top in ('/tmp/', '/dev/shm/'): os.makedirs(top + inner + '/root')\n\
        name = inner + '/root/.ssh` helps'\n\
        open('/tmp/' + name, 'w').close()\n\
        os.rename('/tmp/' + name, '/dev/shm/' + name)\n";
    let output = scene.run(&["--why"], &["python3", "-c", script]);
    let errors = String::from_utf8(output.stderr).unwrap();
    let told: Vec<_> = errors.lines().filter(|line| line.contains("could not move")).collect();
    assert!(!told.is_empty(), "{errors}");
    let forged = |line: &&str| line.contains("`--r") || line.matches("(layer `").count() != 1;
    assert!(!told.iter().any(forged), "{told:?}");
}

#[test]
fn the_switch_that_is_proposed_helps() {
    let scene = Scene::new(Plan::Root);
    for words in [&["gcc", "-I@/include", "a.c"][..], &["python3", "setup.py"]] {
        let found = scene.why(&[], words);
        let switch = found[0]["switch"].as_str().unwrap().to_owned();
        let switch: Vec<_> = switch.split(' ').collect();
        let output = scene.run(&switch, words);
        assert!(output.status.success(), "{switch:?}: {output:?}");
    }
}

#[test]
fn it_is_told_in_sentences_and_in_the_outcome() {
    let scene = Scene::new(Plan::Root);
    let outcome = scene.at("outcome.json");
    let options = ["--why", "--outcome", outcome.to_str().unwrap()];
    let output = scene.run(&options, &["gcc", "-I@/include", "a.c"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    let first = errors.lines().find(|line| line.starts_with("bulkhead:  1. ")).unwrap();
    let told = scene.text("`--ro @/include` helps");
    assert!(first.contains("`cc1` looked for") && first.ends_with(&told), "{errors}");
    let outcome: Value = serde_json::from_slice(&fs::read(outcome).unwrap()).unwrap();
    assert_eq!(outcome["why"][0]["layer"], "mounts");
    let output = scene.run(&["--why"], &["true"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("refused nothing"), "{errors}");
}

#[test]
fn who_fails_without_it_is_told_that_it_would_tell() {
    let directory = directory();
    let says = |options: &[&str], script: &str| {
        let output = run(directory.path(), options, script);
        String::from_utf8(output.stderr).unwrap().matches("`--why`").count()
    };
    assert_eq!(says(&[], "exit 3"), 1);
    assert_eq!(says(&[], "kill -9 $$"), 1);
    assert_eq!(says(&["--quiet"], "exit 3"), 0);
    assert_eq!(says(&["--why"], "exit 3"), 0);
    assert_eq!(says(&[], "exit 0"), 0);
    assert_eq!(says(&["--timeout", "300ms"], "sleep 30"), 0, "its limit is told");
}
