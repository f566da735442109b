//! What the oracles see, and what they do not.

use std::time::{Duration, Instant};

use harness::catalogue::attack::{OracleKind, PlantKind, Privilege};
use harness::conduct::conduct;

use crate::fixture::{Fixture, file, run_context, saw, victim};

#[test]
fn a_connection_to_the_sink_is_seen() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::that_connects().run(context);
    assert_eq!(saw(&seen), ["reached"]);
}

#[test]
fn a_listener_that_nobody_visits_is_not_reached() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("pass")
        .plant("sink", PlantKind::TcpListener)
        .plant("names", PlantKind::DnsResolver)
        .oracle("reached", OracleKind::SocketReached { plant: "sink".to_owned() })
        .oracle("asked", OracleKind::SocketReached { plant: "names".to_owned() })
        .run(context);
    assert_eq!(saw(&seen), Vec::<&str>::new());
    assert_eq!(seen.self_tests.len(), 2);
}

#[test]
fn a_secret_in_the_wheel_is_found_and_never_told() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("loot = open(kit.plant('netrc').path, 'rb').read()")
        .plant("netrc", file("{home}/.netrc"))
        .oracle("in-wheel", OracleKind::CanaryInArtefact { plant: "netrc".to_owned() });
    fixture.replace(
        "return kit.wheel(wheel_directory)",
        "return kit.wheel(wheel_directory, {'x': loot})",
    );
    let seen = fixture.run(context);
    assert_eq!(saw(&seen), ["in-wheel"]);
    let canary = seen.canaries.first().unwrap();
    assert!(!seen.findings.iter().any(|finding| finding.evidence.contains(canary)));
}

#[test]
fn a_write_outside_the_outputs_is_noticed_though_nobody_declared_it() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("open('/var/lib/left-behind', 'w').close()").run(context);
    assert_eq!(saw(&seen), ["tripwire/file-written"]);
    assert!(seen.findings[0].evidence.contains("/var/lib/left-behind"));
}

#[test]
fn opening_a_file_for_writing_is_no_change_and_writing_it_is() {
    let Some(context) = run_context() else { return };
    let kind = || OracleKind::FileChanged { path: "/etc/passwd".to_owned() };
    let touched = Fixture::new("os.close(os.open('/etc/passwd', os.O_RDWR))");
    assert_eq!(saw(&touched.oracle("changed", kind()).run(context)), Vec::<&str>::new());
    let written = Fixture::new("open('/etc/passwd', 'a').write('# x\\n')");
    assert_eq!(
        saw(&written.oracle("changed", kind()).run(context)),
        ["changed", "tripwire/user-leaked"]
    );
}

#[test]
fn a_process_that_outlives_the_build_is_seen() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("subprocess.Popen(['sleep', '60'], start_new_session=True)")
        .oracle("daemon", OracleKind::ProcessSurvives)
        .run(context);
    assert_eq!(saw(&seen), ["daemon"]);
}

#[test]
fn a_process_that_ends_soon_after_the_build_does_not_survive_it() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("subprocess.Popen(['sleep', '0.1'], start_new_session=True)")
        .oracle("daemon", OracleKind::ProcessSurvives)
        .run(context);
    assert_eq!(saw(&seen), Vec::<&str>::new());
}

#[test]
fn an_account_that_the_build_adds_is_seen() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("open('/etc/passwd', 'a').write('evil:x:0:0::/:/bin/sh\\n')")
        .oracle("account", OracleKind::UserLeaked)
        .run(context);
    assert_eq!(saw(&seen), ["account"]);
}

#[test]
fn a_mount_that_the_build_leaves_is_seen() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("subprocess.run(['mount', '-t', 'tmpfs', 'x', '/mnt'], check=True)")
        .oracle("mount", OracleKind::MountLeft)
        .run(context);
    // mount(8) keeps notes of its own below /run, which is a write like any other.
    assert_eq!(saw(&seen), ["mount", "tripwire/file-written"]);
}

#[test]
fn a_victim_that_is_stopped_or_written_to_is_seen() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("import signal\nos.kill(kit.find('agent'), signal.SIGSTOP)")
        .plant("agent", victim("{canary}"))
        .oracle("stopped", OracleKind::VictimSignalled { plant: "agent".to_owned() })
        .run(context);
    assert_eq!(saw(&seen), ["stopped"]);
    let seen = Fixture::new(
        "pid = kit.find('agent')\n\
         for address, _ in kit.search_memory(pid, b'balance=100'):\n    \
             m = open(f'/proc/{pid}/mem', 'r+b', buffering=0)\n    \
             m.seek(address)\n    \
             m.write(b'balance=999')",
    )
    .plant("agent", victim("balance=100 {canary}"))
    .oracle("changed", OracleKind::VictimChanged { plant: "agent".to_owned() })
    .run(context);
    assert_eq!(saw(&seen), ["changed"]);
}

#[test]
fn a_held_hook_is_looked_at_from_outside_and_let_go() {
    let Some(context) = run_context() else { return };
    let began = Instant::now();
    let seen = Fixture::new("kit.hold('held')")
        .oracle("uid", OracleKind::PrivilegeGained { what: Privilege::CallerUid })
        .oracle("nested", OracleKind::PrivilegeGained { what: Privilege::NestedUserns })
        .run(context);
    assert_eq!(saw(&seen), ["uid"]);
    // The hook would wait three seconds for its release.
    assert!(began.elapsed() < Duration::from_millis(2500));
}

#[test]
fn an_oracle_that_does_not_find_the_held_process_was_blind() {
    let Some(context) = run_context() else { return };
    let fixture = Fixture::new("os.write(1, f'@bulkhead {kit.nonce} hold 99999\\n'.encode())")
        .oracle("uid", OracleKind::PrivilegeGained { what: Privilege::CallerUid });
    let seen = conduct(&fixture.trial(), context, 0);
    assert_eq!(saw(&seen), Vec::<&str>::new());
    let failure = seen.self_tests[0].failure.as_deref();
    assert_eq!(failure, Some("a process that stood still was not found"));
}
