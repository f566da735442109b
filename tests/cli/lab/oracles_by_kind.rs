//! The rooms of a lab: each is alive, and notices what it is there for.

use std::time::Duration;

use harness::catalogue::attack::{
    Demanded, FrontendStep, Hook, Hostility, LogReader, OracleKind, PlantKind, Resource, Second,
};
use sandbox::policy::limits::amounts::Span;

use crate::fixture::{Fixture, file, run_context, saw, victim};

const PUSH: &str = "import fcntl, termios\n\
                    for byte in b'id\\n':\n    fcntl.ioctl(0, termios.TIOCSTI, bytes([byte]))";

#[test]
fn a_command_pushed_into_the_terminal_is_seen_and_silence_is_not() {
    let Some(context) = run_context() else { return };
    for (body, expected) in [(PUSH, vec!["input"]), ("os.write(1, b'x')", vec![])] {
        let mut fixture = Fixture::new(body)
            .oracle("input", OracleKind::TerminalInput)
            .oracle("settings", OracleKind::TerminalChanged);
        fixture.attack.run.terminal = true;
        assert_eq!(saw(&fixture.run(context)), expected, "{body}");
    }
}

#[test]
fn a_terminal_left_without_echo_is_seen() {
    let Some(context) = run_context() else { return };
    let mut fixture =
        Fixture::new("import tty\ntty.setraw(0)").oracle("settings", OracleKind::TerminalChanged);
    fixture.attack.run.terminal = true;
    assert_eq!(saw(&fixture.run(context)), ["settings"]);
}

#[test]
fn a_poisoned_cache_changes_the_next_build() {
    let Some(context) = run_context() else { return };
    let poison = "os.makedirs('/root/.cache/honest')\n\
                  open('/root/.cache/honest/honest-1.0.cache', 'w').write('answer = 41\\n')";
    for (second, expected) in [(Second::After, true), (Second::Before, false)] {
        let mut fixture = Fixture::new(poison).oracle("changed", OracleKind::SecondBuildChanged);
        fixture.attack.run.second = Some(second);
        let seen = fixture.run(context);
        assert_eq!(saw(&seen).contains(&"changed"), expected, "{second:?}: {:?}", seen.findings);
    }
}

#[test]
fn a_secret_in_the_second_build_is_found() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new(
        "open('/tmp/honest-1.0.cache', 'wb').write(open(kit.plant('netrc').path, 'rb').read())",
    )
    .plant("netrc", file("{home}/.netrc"))
    .oracle("stolen", OracleKind::CanaryInArtefact { plant: "netrc".to_owned() });
    fixture.attack.run.second = Some(Second::After);
    assert!(saw(&fixture.run(context)).contains(&"stolen"));
}

#[test]
fn what_is_hostile_in_the_output_directory_is_told_apart() {
    let Some(context) = run_context() else { return };
    let cases = [
        ("os.symlink('/etc/passwd', wheel_directory + '/x.whl')", Hostility::Symlink),
        ("os.mkfifo(wheel_directory + '/x.whl')", Hostility::Fifo),
        ("os.mkdir(wheel_directory + '/x.whl')", Hostility::Directory),
        ("os.link('backend.py', wheel_directory + '/x.whl')", Hostility::HardLink),
        ("open(wheel_directory + '/x.whl', 'w').close()", Hostility::Extra),
        (
            "open(wheel_directory + '/x.whl', 'w').close()\n\
             os.chmod(wheel_directory + '/x.whl', 0o4755)",
            Hostility::SetId,
        ),
    ];
    for (body, what) in cases {
        let fixture = Fixture::new(body).oracle("hostile", OracleKind::ArtefactHostile { what });
        let seen = fixture.run(context);
        // The source tree and the outputs lie in one file system of the lab.
        assert_eq!(saw(&seen), ["hostile"], "{what:?}: {:?}", seen.findings);
    }
    let honest = [
        Hostility::Extra,
        Hostility::Directory,
        Hostility::NameOutside,
        Hostility::HardLink,
        Hostility::RecordMismatch,
        Hostility::MetadataMismatch,
        Hostility::ZipDuplicate,
        Hostility::Bomb,
    ];
    for what in honest {
        let fixture = Fixture::new("pass").oracle("hostile", OracleKind::ArtefactHostile { what });
        assert_eq!(saw(&fixture.run(context)), Vec::<&str>::new(), "{what:?}");
    }
}

#[test]
fn a_returned_address_is_seen_and_an_installer_fetches_it() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("pass")
        .plant("sink", PlantKind::TcpListener)
        .oracle("returned", OracleKind::RequirementReturned { what: Demanded::Url })
        .oracle("argument", OracleKind::RequirementReturned { what: Demanded::Argument })
        .oracle("fetched", OracleKind::SocketReached { plant: "sink".to_owned() });
    fixture.replace(
        "def build_wheel",
        "def get_requires_for_build_wheel(config_settings=None):\n    \
             sink = kit.plant('sink')\n    \
             return [f'x @ http://{sink.address}:{sink.port}/{kit.nonce}/x.whl']\n\n\
         def build_wheel",
    );
    fixture.attack.run.hooks.insert(0, Hook::GetRequiresForBuildWheel);
    fixture.attack.run.steps = vec![FrontendStep::InstallRequirements];
    assert_eq!(saw(&fixture.run(context)), ["fetched", "returned"]);
}

#[test]
fn a_front_end_that_follows_links_is_seen_to_write_and_to_read() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new(
        "os.remove('build.log')\n\
         os.symlink('/etc/of-the-lab', 'build.log')\n\
         os.symlink(kit.plant('netrc').path, '../x-requirements.txt')",
    )
    .plant("netrc", file("{home}/.netrc"))
    .oracle("written", OracleKind::FileCreated { path: "/etc/of-the-lab".to_owned() })
    .oracle("copied", OracleKind::CanaryInArtefact { plant: "netrc".to_owned() });
    fixture.replace(
        "def build_wheel",
        "def build_sdist(sdist_directory, config_settings=None):\n    \
             return kit.sdist(sdist_directory)\n\ndef build_wheel",
    );
    fixture.attack.run.hooks.push(Hook::BuildSdist);
    fixture.attack.run.steps = vec![FrontendStep::BuildLog, FrontendStep::CopyRequirements];
    let seen = fixture.run(context);
    // The links themselves are writes that the manifest does not declare.
    assert_eq!(saw(&seen), ["copied", "tripwire/file-written", "written"], "{:?}", seen.findings);
}

#[test]
fn a_command_in_the_log_is_obeyed_by_its_reader_alone() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("print('pkg: ##vso[task.setvariable variable=x]y', flush=True)")
        .oracle("azure", OracleKind::LogCommand { what: LogReader::Azure })
        .oracle("github", OracleKind::LogCommand { what: LogReader::Github })
        .oracle("terminal", OracleKind::LogCommand { what: LogReader::Terminal })
        .run(context);
    assert_eq!(saw(&seen), ["azure"]);
}

#[test]
fn processes_memory_and_files_are_counted() {
    let Some(context) = run_context() else { return };
    let used = |what, most| OracleKind::LimitExceeded { what, most };
    let seen = Fixture::new(
        "children = [subprocess.Popen(['sleep', '5']) for _ in range(40)]\n\
         block = bytearray(96 << 20)\n\
         for at in range(0, len(block), 4096):\n    block[at] = 1\n\
         open('/build/pkg/pkg-1.0/large', 'wb').write(b'x' * (8 << 20))\n\
         for child in children:\n    child.kill()\n    child.wait()",
    )
    .oracle("processes", used(Resource::Processes, 40))
    .oracle("all", used(Resource::Processes, 400))
    .oracle("memory", used(Resource::Memory, 96 << 20))
    .oracle("disk", used(Resource::Disk, 7 << 20))
    .oracle("files", used(Resource::Files, 1000))
    .run(context);
    assert_eq!(saw(&seen), ["disk", "memory", "processes"]);
}

#[test]
fn a_hook_that_outlives_its_time_is_seen() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("time.sleep(kit.seconds(3.5))")
        .oracle("late", OracleKind::HookOutlivedDeadline);
    fixture.attack.run.limits.timeout = Some(Span(Duration::from_millis(200)));
    assert_eq!(saw(&fixture.run(context)), ["late"]);
    fixture.attack.run.limits.timeout = Some(Span(Duration::from_secs(5)));
    assert_eq!(saw(&fixture.run(context)), Vec::<&str>::new());
}

#[test]
fn a_held_process_that_may_leave_a_core_dump_is_seen() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("kit.hold('held')")
        .oracle("core", OracleKind::LimitExceeded { what: Resource::Core, most: 0 })
        .run(context);
    assert_eq!(saw(&seen), ["core"]);
}

#[test]
fn who_opens_a_file_is_seen_through_any_mount_and_who_does_not_is_not() {
    let Some(context) = run_context() else { return };
    let opened = || OracleKind::FileOpened { path: "{home}/.netrc".to_owned() };
    let writable = || OracleKind::FileWritable { path: "{home}/.netrc".to_owned() };
    let cases = [
        ("os.stat('/root/.netrc')", vec![]),
        ("open('/root/.netrc').close()", vec!["opened"]),
        ("os.close(os.open('/root/.netrc', os.O_WRONLY))", vec!["opened", "writable"]),
        (
            "subprocess.run(['unshare', '-m', 'sh', '-c', 'mount --bind /root /mnt && cat /mnt/.netrc > /dev/null'], check=True)",
            vec!["opened"],
        ),
    ];
    for (body, expected) in cases {
        let seen = Fixture::new(body)
            .plant("netrc", file("{home}/.netrc"))
            .oracle("opened", opened())
            .oracle("writable", writable())
            .run(context);
        let declared: Vec<_> = saw(&seen).into_iter().filter(|it| !it.contains('/')).collect();
        assert_eq!(declared, expected, "{body}");
    }
}

#[test]
fn a_file_of_the_kernel_that_can_be_opened_for_writing_is_seen() {
    let Some(context) = run_context() else { return };
    let core = "/proc/sys/kernel/core_pattern";
    let cases = [("os.O_WRONLY", vec!["writable"]), ("os.O_RDONLY", vec![])];
    for (mode, expected) in cases {
        let seen = Fixture::new(&format!(
            "kit.watched('core', '{core}')\nos.close(os.open('{core}', {mode}))"
        ))
        .oracle("writable", OracleKind::FileWritable { path: core.to_owned() })
        .run(context);
        assert_eq!(saw(&seen), expected, "{mode}");
    }
}

#[test]
fn a_host_that_was_renamed_is_noticed_though_nobody_asked() {
    let Some(context) = run_context() else { return };
    let rename = "socket.sethostname('another')";
    let asked = Fixture::new(rename).oracle("renamed", OracleKind::HostnameChanged);
    assert_eq!(saw(&asked.run(context)), ["renamed"]);
    assert_eq!(saw(&Fixture::new(rename).run(context)), ["tripwire/hostname-changed"]);
    let quiet = Fixture::new("pass").oracle("renamed", OracleKind::HostnameChanged);
    assert_eq!(saw(&quiet.run(context)), Vec::<&str>::new());
}

#[test]
fn a_victim_that_was_starved_or_accused_is_noticed() {
    let Some(context) = run_context() else { return };
    let starve = "os.setpriority(os.PRIO_PROCESS, kit.callable_pid('agent'), 19)";
    let accuse = "open(f\"/proc/{kit.find('agent')}/oom_score_adj\", 'w').write('1000')";
    for (body, expected) in [(starve, vec!["victim"]), (accuse, vec!["victim"]), ("pass", vec![])] {
        let fixture = Fixture::new(body)
            .plant("agent", victim("agent"))
            .oracle("victim", OracleKind::VictimDisturbed { plant: "agent".to_owned() });
        assert_eq!(saw(&fixture.run(context)), expected, "{body}");
    }
}

#[test]
fn a_ping_is_heard_with_what_it_carries() {
    let Some(context) = run_context() else { return };
    let ping = "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)\n\
                ping = bytes([8, 0, 0, 0, 0, 0, 0, 0])\n\
                s.sendto(ping + kit.nonce.encode(), (kit.plant('host').address, 0))";
    for (body, expected) in [(ping, vec!["heard"]), ("pass", vec![])] {
        let fixture = Fixture::new(body)
            .plant("host", PlantKind::IcmpListener)
            .oracle("heard", OracleKind::SocketReached { plant: "host".to_owned() });
        assert_eq!(saw(&fixture.run(context)), expected, "{body}");
    }
}

#[test]
fn a_file_that_everybody_may_write_to_now_is_exposed_and_another_change_is_not() {
    let Some(context) = run_context() else { return };
    let path = "{home}/.netrc".to_owned();
    for (mode, expected) in [("0o622", vec!["exposed"]), ("0o640", vec![])] {
        let fixture = Fixture::new(&format!("os.chmod(kit.plant('netrc').path, {mode})"))
            .plant("netrc", file("{home}/.netrc"))
            .oracle("exposed", OracleKind::FileExposed { path: path.clone() });
        assert_eq!(saw(&fixture.run(context)), expected, "{mode}");
    }
}
