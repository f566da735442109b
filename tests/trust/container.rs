//! The container around all labs: what breaks out of a lab finds nothing of the host in it, and it ends
//! with whoever is killed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rstest::rstest;
use sandbox::host::groups::Hierarchies;

use crate::workplace::{Workplace, ended, is_able, skip};

/// How long it may take until nothing is left.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to start two thousand processes, on a machine that is emulated.
const MANY: Duration = Duration::from_mins(10);
/// What the shell in the lab says when it is there.
const READY: &str = "the lab is open";

/// A harness that holds a lab open for somebody who looks around in it.
struct Held {
    harness: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Held {
    /// Started by `start`, which may put something around the command.
    fn open(place: &Workplace, start: impl FnOnce(Command) -> Command) -> Self {
        let args = ["debug", "benign/pure-python", "-t", "own@none", "--shell", "--at", "before"];
        let mut command = start(place.harness(&args));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut harness = command.spawn().unwrap();
        let (input, output) = (harness.stdin.take().unwrap(), harness.stdout.take().unwrap());
        let mut held = Self { harness, input, output: BufReader::new(output) };
        held.say(&format!("echo {READY}"));
        held.hear(READY);
        held
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Reads on to this line.
    fn hear(&mut self, wanted: &str) {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                self.harness.stderr.take().unwrap().read_to_string(&mut all).unwrap();
                panic!("no `{wanted}`: {all}");
            }
            if line.trim() == wanted {
                return;
            }
            all.push_str(&line);
        }
    }

    /// The supervisor, the container's first process, the harness in it.
    fn parts(&self) -> [i32; 3] {
        let supervisor = i32::try_from(self.harness.id()).unwrap();
        let first = children(supervisor)
            .into_iter()
            .find(|pid| arguments(*pid).iter().any(|word| word == "__container-first"))
            .expect("the supervisor has started a container");
        let [harness] = children(first)[..] else { panic!("the first process has one child") };
        [supervisor, first, harness]
    }

    /// What a shell says that gets into all namespaces of the harness in its container, as somebody would who
    /// has found a way out of a lab.
    fn broken_out(&self, script: &str) -> String {
        let [_, _, harness] = self.parts();
        let output = Command::new("nsenter")
            .args(["-t", &harness.to_string(), "-m", "-n", "-i", "-u", "-p", "--"])
            .args(["/bin/sh", "-c", script])
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ended = self.harness.kill();
        let _reaped = self.harness.wait();
    }
}

/// Every process of this machine: number and parent.
fn processes() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parent = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, behind) = stat.rsplit_once(") ")?;
        let mut words = behind.split(' ');
        let state = words.next()?;
        (state != "Z").then_some((pid, words.next()?.parse().ok()?))
    };
    numbers.filter_map(parent).collect()
}

fn children(of: i32) -> Vec<i32> {
    processes().into_iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| pid).collect()
}

fn arguments(pid: i32) -> Vec<String> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// Those below `top`, and itself.
fn family(top: i32) -> BTreeSet<i32> {
    let all = processes();
    let mut found = BTreeSet::from([top]);
    loop {
        let more: Vec<_> = all
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn namespace(pid: &str, kind: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap()
}

#[test]
fn nobody_in_the_container_shares_a_namespace_with_the_host_or_runs_a_program_of_it() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    let held = Held::open(&place, |command| command);
    let [supervisor, first, harness] = held.parts();
    for kind in ["mnt", "net", "ipc", "uts", "pid"] {
        let name = |pid: i32| namespace(&pid.to_string(), kind);
        assert_eq!(name(supervisor), namespace("self", kind), "{kind} of the supervisor");
        for pid in family(first) {
            assert_ne!(name(pid), namespace("self", kind), "{kind} of {:?}", arguments(pid));
        }
    }
    let host = fs::metadata("/").unwrap().dev();
    for pid in family(first) {
        for link in ["exe", "root", "cwd"] {
            let seen = fs::metadata(format!("/proc/{pid}/{link}")).unwrap().dev();
            assert_ne!(seen, host, "{link} of {:?}", arguments(pid));
        }
    }
    let program = fs::read_link(format!("/proc/{harness}/exe")).unwrap();
    assert_eq!(program, Path::new("/.container/harness"));
}

#[test]
fn what_breaks_out_of_a_lab_finds_nothing_of_the_host_that_it_could_write_ask_or_signal() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    place.write("here/file", "the host's");
    let held = Held::open(&place, |command| command);
    let dir = place.path().display();
    let own = std::process::id();
    let script = format!(
        "for file in /etc/passwd /usr/bin/env {dir}/here/file /.container/host{dir}/here/file; do\n\
         [ -e $file ] || echo missing $file\n\
         echo x 2>/dev/null >>$file && echo written $file\n\
         chmod 0600 $file 2>/dev/null && echo changed $file\n\
         done\n\
         (: >{dir}/new) 2>/dev/null && echo made\n\
         kill -0 {own} 2>/dev/null && echo signalled\n\
         [ -e /proc/{own} ] && echo seen\n\
         [ -e /.container/host/proc/self ] && echo processes of the host\n\
         grep -c : /proc/net/dev\n\
         [ \"$(ls /sys/class/net)\" = lo ] || echo interfaces $(ls /sys/class/net)\n\
         ls /dev | tr '\\n' ' '\n\
         echo\n\
         for pid in /proc/[0-9]*; do readlink $pid/exe; done | sort -u\n"
    );
    let said = held.broken_out(&script);
    let (lines, programs): (Vec<_>, Vec<_>) = said.lines().partition(|line| !line.starts_with('/'));
    let devices = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ";
    assert_eq!(lines, ["1", devices], "{said}");
    // The harness and its lab, whose own programs have names of the lab, and the shell that asks.
    assert!(programs.contains(&"/.container/harness"), "{said}");
    assert_eq!(place.read("here/file"), "the host's");
    assert!(!place.path().join("new").exists());
}

#[rstest]
#[case::the_supervisor(0, None)]
#[case::the_first_process(1, Some(137))]
#[case::the_harness(2, Some(137))]
fn whoever_is_killed_nothing_is_left(#[case] part: usize, #[case] status: Option<i32>) {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut held = Held::open(&place, |command| command);
    held.say("sleep 6000 & setsid sleep 6000 & echo started");
    held.hear("started");
    if Path::new("/sys/fs/cgroup/freezer").exists() {
        // What is frozen does not even die.
        held.say(
            "mkdir /tmp/f; mount -t cgroup -o freezer none /tmp/f; mkdir /tmp/f/ice; \
             echo $! >/tmp/f/ice/tasks; echo FROZEN >/tmp/f/ice/freezer.state; \
             until grep -q FROZEN /tmp/f/ice/freezer.state; do :; done; echo frozen",
        );
        held.hear("frozen");
    }
    let parts = held.parts();
    let family = family(parts[1]);
    assert!(family.len() > 4, "{family:?}");
    kill(Pid::from_raw(parts[part]), Signal::SIGKILL).unwrap();
    let end = Instant::now() + PATIENCE;
    let living = || -> Vec<i32> {
        let living = processes().into_iter().map(|(pid, _)| pid);
        living.filter(|pid| family.contains(pid)).collect()
    };
    while !living().is_empty() {
        let left: Vec<_> = living().into_iter().map(arguments).collect();
        assert!(Instant::now() < end, "left: {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(held.harness.wait().unwrap().code(), status);
    while !groups_of(parts[0]).is_empty() {
        assert!(Instant::now() < end, "left: {:?}", groups_of(parts[0]));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
}

/// The groups that are left of the labs of a supervisor.
fn groups_of(supervisor: i32) -> Vec<PathBuf> {
    let hierarchies = Hierarchies::probe();
    let places = hierarchies.own_groups().map(|(_, _, own)| own.to_owned());
    let name = format!("bulkhead-lab-{supervisor}-");
    let groups = places.flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten());
    let is_its = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&name);
    groups.map(|entry| entry.path()).filter(is_its).collect()
}

#[test]
fn a_working_directory_that_is_not_shown_is_told() {
    if !is_able() {
        return;
    }
    let mut asked = Command::new(crate::workplace::PROGRAM);
    asked.arg("doctor").current_dir(format!("/proc/{}/task", std::process::id()));
    let (status, out, err) = ended(asked.output().unwrap());
    assert_eq!(status, 0, "{out}{err}");
    assert!(err.contains("do not show the working directory /proc/"), "{err}");
}

/// Whether a process has `word` among its arguments.
fn is_run(word: &str) -> bool {
    processes().iter().any(|(pid, _)| arguments(*pid).iter().any(|one| one == word))
}

#[test]
fn a_signal_to_every_process_of_the_job_ends_a_run_in_order() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    // A command that nobody else has, by which it is seen that the build runs.
    let canary = format!("50.{}", std::process::id());
    let body = format!(
        "    import subprocess\n    kit.mark(\"open\")\n    subprocess.run([\"sleep\", \"{canary}\"])\n"
    );
    place.attack("waits", "60s", &body);
    let mut command = place.harness(&["run", "-t", "own@none", "-E", "id(files/waits)"]);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let harness = command.spawn().unwrap();
    let group = Pid::from_raw(i32::try_from(harness.id()).unwrap());
    let deadline = Instant::now() + Duration::from_mins(5);
    while !is_run(&canary) {
        assert!(Instant::now() < deadline, "the build does not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    killpg(group, Signal::SIGINT).unwrap();
    let begin = Instant::now();
    let (status, out, err) = ended(harness.wait_with_output().unwrap());
    assert_eq!(status, 130, "{out}{err}");
    assert!(err.contains("interrupted after"), "{err}");
    assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
}

#[test]
fn where_no_control_group_is_lent_the_number_of_processes_is_bounded_all_the_same() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    let without_groups = |command: Command| {
        let mut shell = Command::new("unshare");
        let hide = "umount -l -R /sys/fs/cgroup || exit 9; exec \"$0\" \"$@\"";
        shell.args(["--mount", "--", "/bin/sh", "-c", hide]);
        shell.arg(command.get_program()).args(command.get_args());
        shell.current_dir(command.get_current_dir().unwrap()).env_remove("REQUIRE_ISOLATION");
        shell
    };
    let mut nothing = Command::new("true");
    nothing.current_dir("/");
    if !without_groups(nothing).status().is_ok_and(|status| status.success()) {
        return skip("control groups cannot be taken away from a process here");
    }
    let mut held = Held::open(&place, without_groups);
    held.say("i=0; while [ $i -lt 4000 ]; do sleep 6000 & i=$((i+1)); done; echo all started");
    let end = Instant::now() + MANY;
    let status = loop {
        if let Some(status) = held.harness.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "it goes on");
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut said = String::new();
    held.harness.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(20), "{said}");
    assert!(said.contains("more than 2048 processes"), "{said}");
}

/// The command behind a shell line that is run first, in a mount namespace of its own.
fn behind(line: &str, command: &Command) -> Command {
    let mut shell = Command::new("unshare");
    let line = format!("{line} && exec \"$0\" \"$@\"");
    shell.args(["--mount", "--", "/bin/sh", "-c", &line]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().unwrap()).env_remove("REQUIRE_ISOLATION");
    shell
}

#[test]
fn a_shell_in_a_lab_has_none_of_the_callers_descriptors_and_ends_when_it_is_told_to() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    let log = fs::File::create(place.path().join("log")).unwrap();
    let mut held = Held::open(&place, |mut command| {
        command.stderr(log.try_clone().unwrap());
        command
    });
    held.say("for fd in /proc/[0-9]*/fd/*; do readlink $fd; done; echo listed");
    let mut all = String::new();
    while !all.ends_with("listed\n") {
        assert_ne!(held.output.read_line(&mut all).unwrap(), 0, "{all}");
    }
    assert!(all.contains("pipe:") && !all.contains("/log") && !all.contains("/dev/pts"), "{all}");
    kill(Pid::from_raw(held.parts()[0]), Signal::SIGTERM).unwrap();
    let end = Instant::now() + PATIENCE;
    while held.harness.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn results_go_where_somebody_looks_although_a_part_of_their_folder_is_a_mount() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    fs::create_dir_all(place.path().join("out/root")).unwrap();
    let line = format!(
        "mount -t tmpfs results out/root && {} run -t own@none --out out && ls out/root",
        crate::workplace::PROGRAM
    );
    let output = Command::new("unshare")
        .args(["--mount", "--", "/bin/sh", "-c", &line])
        .current_dir(place.path())
        .env_remove("REQUIRE_ISOLATION")
        .output()
        .unwrap();
    let (status, out, err) = ended(output);
    assert_eq!(status, 0, "{out}{err}");
    assert!(out.ends_with("MATRIX.md\nown.json\n"), "{out}");
}

#[test]
fn processes_of_the_host_are_not_seen_wherever_it_shows_them() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    fs::create_dir_all(place.path().join("chroot/proc")).unwrap();
    let held = Held::open(&place, |command| {
        behind("mount -t proc proc chroot/proc && mount -t proc proc /proc", &command)
    });
    let dir = place.path().display();
    let script = format!(
        "ls -d {dir}/chroot/proc/1 /.container/host{dir}/chroot/proc/1 /.container/host/proc/1 \
         /proc/{} 2>/dev/null; echo asked",
        std::process::id()
    );
    assert_eq!(held.broken_out(&script), "asked\n");
}

#[test]
fn where_no_container_can_be_made_the_reason_is_told() {
    let mut asked = Command::new("unshare");
    asked.args(["--user", "--map-root-user", "--", crate::workplace::PROGRAM, "doctor"]);
    let output = asked.current_dir("/").env_remove("REQUIRE_ISOLATION").output().unwrap();
    let (status, out, err) = ended(output);
    if err.starts_with("unshare:") {
        return skip("an ordinary user namespace cannot be made here");
    }
    assert_eq!(status, 20, "{out}{err}");
    assert!(format!("{out}{err}").contains("ermi"), "what was refused is told: {out}{err}");
}

#[test]
fn the_root_of_the_machine_is_no_folder_for_results() {
    let place = Workplace::with(&["benign/pure-python"]);
    let (status, out, err) = place.run(&["run", "-t", "own@none", "--out", "/"]);
    assert_eq!(status, 20, "{out}{err}");
    assert!(err.contains("it is the root of this machine; name a folder of its own"), "{err}");
}
