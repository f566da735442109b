//! Hosts of other kinds: the caller is who he should be, and has what he should have.

use harness::catalogue::attack::{Need, OracleKind};
use harness::conduct::conduct;
use harness::schedule::Trial;
use sandbox::policy::limits::amounts::Count;

use crate::fixture::{Fixture, file, run_context, saw, victim};

#[test]
fn on_the_host_user_the_caller_is_not_root_and_his_files_are_his() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new(
        "kit.said('ids', (os.getuid(), os.getgid(), os.getgroups(), os.environ['HOME']))\n\
         status = open('/proc/self/status').read()\n\
         kit.said('caps', status.split('CapPrm:')[1].split()[0])\n\
         kit.said('mine', os.access(kit.plant('netrc').path, os.W_OK))\n\
         kit.said('shadow', os.access('/etc/shadow', os.R_OK))",
    )
    .plant("netrc", file("{home}/.config/x/netrc"))
    .run_on("user", context);
    assert!(seen.run.built, "{:?}", seen.run);
    let expected = [
        "ids (1000, 1000, [1000], '/home/user')",
        "caps '0000000000000000'",
        "mine True",
        "shadow False",
    ];
    // Whether the own group is listed as a supplementary one too is the system's affair.
    let said: Vec<_> = seen.run.hearsay.iter().map(|line| line.replace("[]", "[1000]")).collect();
    assert_eq!(said, expected);
    assert_eq!(seen.findings, []);
}

#[test]
fn on_the_host_user_a_victim_is_the_callers_and_can_be_killed() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("import signal\nos.kill(kit.find('agent'), signal.SIGKILL)")
        .plant("agent", victim("{canary}"))
        .oracle("killed", OracleKind::VictimSignalled { plant: "agent".to_owned() })
        .run_on("user", context);
    assert_eq!(saw(&seen), ["killed"]);
    assert!(seen.self_tests.iter().all(|test| test.failure.is_none()), "{:?}", seen.self_tests);
}

#[test]
fn what_only_root_can_try_is_not_tried_as_a_user() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("kit.mark('here')");
    fixture.attack.requires.push(Need::Root);
    let trial = fixture.trial();
    assert_eq!(conduct(&trial, context, 0).unsupported, None);
    let seen = conduct(&Trial { host: "user".to_owned(), ..trial }, context, 0);
    assert!(seen.unsupported.unwrap().contains("not root"), "{:?}", seen.run);
}

#[test]
fn on_the_host_user_the_caller_may_make_control_groups_where_a_lab_shows_them() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new(
        "place = '/sys/fs/cgroup/memory/mine'\n\
         os.mkdir(place)\n\
         kit.said('mine', os.access(place + '/memory.limit_in_bytes', os.W_OK))\n\
         os.rmdir(place)\n\
         kit.said('outer', os.access('/sys/fs/cgroup/memory/memory.limit_in_bytes', os.W_OK))",
    );
    fixture.attack.run.limits.pids = Some(Count(64));
    let seen = fixture.run_on("user", context);
    if std::path::Path::new("/sys/fs/cgroup/memory").is_dir() {
        assert_eq!(seen.run.hearsay, ["mine True", "outer False"], "{:?}", seen.run);
    }
}
