//! The hosts `docker` and `kubernetes` against Docker: the same probe, and the filters themselves.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use harness::lab::profile::Profile;
use rstest::rstest;
use sandbox::layers::syscalls::interpreter;
use sandbox::policy::syscalls::Decision;

use crate::daemon::{Daemon, Engine, IMAGE};
use crate::fixture::{Fixture, run_context};

const PROBE: &str = include_str!("probe.py");
const FILTER: &str = include_str!("filter.py");

/// A daemon; `None`, with a reason on standard error, where the test must be skipped.
fn docker() -> Option<Daemon> {
    match Daemon::start(Engine::Docker) {
        Ok(daemon) => Some(daemon),
        Err(why) => {
            let must = std::env::var_os("REQUIRE_ISOLATION").is_some_and(|value| value == "1");
            assert!(!must, "REQUIRE_ISOLATION is set, and {why}");
            crate::skipped::note(format_args!("{why}"));
            None
        }
    }
}

/// The lines of the probe, by what they are about.
fn by_name(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, what)| (name.to_owned(), what.to_owned()))
        .collect()
}

/// What the probe says in a lab.
pub(crate) fn probed(host: &str) -> Option<BTreeMap<String, String>> {
    let mut fixture = Fixture::new(
        "out = subprocess.run([sys.executable, 'probe.py'], stdout=subprocess.PIPE, text=True)\n\
         for line in out.stdout.splitlines():\n    kit.said('probe', line)",
    );
    fixture.add("probe.py", PROBE);
    let seen = fixture.run_on(host, run_context()?);
    assert!(seen.run.built, "{:?}", seen.run);
    let said = seen.run.hearsay.iter().filter_map(|line| line.strip_prefix("probe "));
    Some(by_name(&said.map(|line| line.trim_matches(['\'', '"'])).collect::<Vec<_>>().join("\n")))
}

/// What it says in a container.
fn probed_in(daemon: &Daemon, options: &[&str]) -> BTreeMap<String, String> {
    let probe = daemon.directory().join("probe.py");
    fs::write(&probe, PROBE).unwrap();
    let mut container = daemon.client();
    container.args(["run", "--rm", "--network", "none", "--volume", "/usr:/usr:ro", "--volume"]);
    container.arg(format!("{}:/probe.py:ro", probe.display())).args(options);
    let output = container.args([IMAGE, "python3", "/probe.py"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    by_name(&String::from_utf8_lossy(&output.stdout))
}

fn differences(
    real: &BTreeMap<String, String>,
    lab: &BTreeMap<String, String>,
) -> Vec<(String, Option<String>, Option<String>)> {
    // No lab makes one, whatever its host would: it would reach the machine itself.
    const WITHHELD: &str = "socket AF_VSOCK";
    let names = real.keys().chain(lab.keys().filter(|name| !real.contains_key(*name)));
    let both = names.map(|name| (name.clone(), real.get(name).cloned(), lab.get(name).cloned()));
    both.filter(|(name, real, lab)| real != lab && name != WITHHELD).collect()
}

#[test]
fn a_probe_says_the_same_in_docker_and_on_the_host_docker() {
    let Some(daemon) = docker() else { return };
    let Some(lab) = probed("docker") else { return };
    let real = probed_in(&daemon, &[]);
    assert!(real.len() > 70, "the probe broke off: {real:?}");
    assert_eq!(differences(&real, &lab), []);
}

#[test]
fn a_probe_says_the_same_without_dockers_filter() {
    let Some(daemon) = docker() else { return };
    let Some(mut lab) = probed("docker-unconfined") else { return };
    let mut real = probed_in(&daemon, &["--security-opt", "seccomp=unconfined"]);
    assert!(real.len() > 70, "the probe broke off: {real:?}");
    // The lab's own filter, which makes no socket that reaches the machine.
    assert_eq!(real.remove("Seccomp").as_deref(), Some("0"));
    assert_eq!(lab.remove("Seccomp").as_deref(), Some("2"));
    assert_eq!(differences(&real, &lab), []);
}

/// What makes a container of Docker's what the restricted standard demands of a pod.
const RESTRICTED: [&str; 9] = [
    "--user",
    "1000680000:0",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--read-only",
    "--tmpfs",
    "/tmp:mode=1777",
];

#[test]
fn a_probe_says_the_same_in_a_restricted_container_and_on_the_host_kubernetes() {
    let Some(daemon) = docker() else { return };
    let Some(mut lab) = probed("kubernetes") else { return };
    let mut real = probed_in(&daemon, &RESTRICTED);
    assert!(real.len() > 80, "the probe broke off: {real:?}");
    // Docker leaves it in its containers; what runs pods does not.
    assert_eq!(real.remove("/.dockerenv").as_deref(), Some("True"));
    assert_eq!(lab.remove("/.dockerenv").as_deref(), Some("False"));
    assert_eq!(differences(&real, &lab), []);
}

/// The number, on this machine, of the process with these arguments.
fn number_of(arguments: &str) -> u32 {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let is_it = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").trim() == arguments
    };
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.into_iter().find(is_it).unwrap()
}

#[rstest]
#[case::docker(Profile::Docker, &[])]
#[case::kubernetes(Profile::Kubernetes, &RESTRICTED)]
#[cfg(target_arch = "x86_64")]
fn the_filter_of_a_host_decides_as_dockers_does_on_every_call(
    #[case] profile: Profile,
    #[case] options: &[&str],
) {
    let Some(daemon) = docker() else { return };
    // Unlike any other process, the one of the other case too.
    let seconds = (4_000_000 + std::process::id() * 2 + u32::from(options.is_empty())).to_string();
    let mut container = daemon.client();
    container.args(["run", "--detach", "--network", "none", "--volume", "/usr:/usr:ro"]);
    container.args(options).args([IMAGE, "/bin/sleep", &seconds]).stdout(Stdio::null());
    assert!(container.status().unwrap().success());
    let pid = number_of(&format!("/bin/sleep {seconds}")).to_string();
    let python = std::process::Command::new("python3").args(["-c", FILTER, &pid]).output().unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let ours = profile.filter().unwrap().program;
    let mut compared = 0;
    for line in String::from_utf8_lossy(&python.stdout).lines() {
        let (call, theirs) = line.split_once(": ").unwrap();
        let mut words = call.split(' ');
        let entry = u32::from_str_radix(words.next().unwrap(), 16).unwrap();
        let number = words.next().unwrap().parse().unwrap();
        let argument = u64::from_str_radix(words.next().unwrap(), 16).unwrap();
        let decision = interpreter::run(&ours, number, entry, &[argument, 0, 0, 0, 0, 0]).unwrap();
        let ours = match decision {
            Decision::Allow => "allowed".to_owned(),
            Decision::Refuse(errno) => format!("errno {}", errno as i32),
            Decision::Pretend => "errno 0".to_owned(),
            Decision::Kill => "killed".to_owned(),
        };
        assert_eq!(ours, theirs, "{call}");
        compared += 1;
    }
    assert_eq!(compared, 3 * 600 * 7);
}
