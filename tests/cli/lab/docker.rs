//! The host `docker` against Docker: the same probe, and the filters themselves.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use harness::lab::profile::Profile;
use sandbox::layers::syscalls::interpreter;
use sandbox::policy::syscalls::Decision;

use crate::daemon::{Daemon, Engine, IMAGE};
use crate::fixture::{Fixture, bench};

const PROBE: &str = include_str!("probe.py");
const FILTER: &str = include_str!("filter.py");

/// A daemon; `None`, with a reason on standard error, where the test must be skipped.
fn docker() -> Option<Daemon> {
    match Daemon::start(Engine::Docker) {
        Ok(daemon) => Some(daemon),
        Err(why) => {
            let must = std::env::var_os("REQUIRE_ISOLATION").is_some_and(|value| value == "1");
            assert!(!must, "REQUIRE_ISOLATION is set, and {why}");
            eprintln!("skipped: {why}");
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
    let fixture = Fixture::new(
        "out = subprocess.run([sys.executable, 'probe.py'], stdout=subprocess.PIPE, text=True)\n\
         for line in out.stdout.splitlines():\n    kit.said('probe', line)",
    );
    fs::write(fixture.attack.dir.join("probe.py"), PROBE).unwrap();
    let seen = fixture.run_on(host, bench()?);
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
    let names = real.keys().chain(lab.keys().filter(|name| !real.contains_key(*name)));
    let both = names.map(|name| (name.clone(), real.get(name).cloned(), lab.get(name).cloned()));
    both.filter(|(_, real, lab)| real != lab).collect()
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
    let Some(lab) = probed("docker-unconfined") else { return };
    let real = probed_in(&daemon, &["--security-opt", "seccomp=unconfined"]);
    assert!(real.len() > 70, "the probe broke off: {real:?}");
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

#[test]
#[cfg(target_arch = "x86_64")]
fn the_filter_of_the_host_docker_decides_as_dockers_does_on_every_call() {
    let Some(daemon) = docker() else { return };
    let seconds = (4_000_000 + std::process::id()).to_string();
    let mut container = daemon.client();
    container.args(["run", "--detach", "--network", "none", "--volume", "/usr:/usr:ro", IMAGE]);
    container.args(["/bin/sleep", &seconds]).stdout(Stdio::null());
    assert!(container.status().unwrap().success());
    let pid = number_of(&format!("/bin/sleep {seconds}")).to_string();
    let python = std::process::Command::new("python3").args(["-c", FILTER, &pid]).output().unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let ours = Profile::Docker.filter().unwrap().program;
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
            Decision::Kill => "killed".to_owned(),
        };
        assert_eq!(ours, theirs, "{call}");
        compared += 1;
    }
    assert_eq!(compared, 3 * 600 * 7);
}
