//! The course of a trial: it builds, it is cut off, it is interrupted, it stays in its lab.

use std::path::Path;
use std::time::Duration;

use harness::catalogue::attack::{Interrupt, InterruptSignal, OracleKind, Second, Whom};
use harness::conduct::conduct;
use nix::sys::signal::{SigSet, Signal};

use crate::fixture::{Fixture, run_context, saw};

#[test]
fn an_honest_build_builds_and_trips_nothing() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new("kit.mark('here')").run(context);
    assert!(seen.run.built, "{:?}", seen.run);
    assert_eq!(seen.run.marks, ["here"]);
    assert_eq!(seen.findings, []);
}

#[test]
fn the_lab_has_no_address_but_its_own_and_no_way_out() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new(
        "kit.said('devices', sorted(os.listdir('/sys/class/net')))\n\
         kit.said('routes', len(open('/proc/net/route').readlines()) - 1)\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         kit.said('out', s.connect_ex(('192.0.2.1', 9)))",
    )
    .run(context);
    let unreachable = nix::libc::ENETUNREACH;
    assert!(seen.run.hearsay.contains(&"routes 0".to_owned()), "{:?}", seen.run.hearsay);
    assert!(seen.run.hearsay.contains(&format!("out {unreachable}")), "{:?}", seen.run.hearsay);
    let devices = seen.run.hearsay.iter().find(|line| line.starts_with("devices")).unwrap();
    assert!(devices.contains("'lo'"), "{devices}");
}

#[test]
fn the_host_is_unchanged_after_a_lab_rewrote_its_files() {
    let Some(context) = run_context() else { return };
    let marker = std::env::temp_dir().join(format!("bulkhead-never-{}", std::process::id()));
    let seen = Fixture::new(&format!(
        "open('/etc/issue.net', 'w').write('rewritten')\n\
         os.makedirs('{0}', exist_ok=True)\n\
         os.makedirs('/usr/local/bulkhead-never', exist_ok=True)\n\
         subprocess.run(['rm', '-rf', '/etc/init.d'], check=True)",
        marker.display()
    ))
    .oracle("rewritten", OracleKind::FileCreated { path: "/usr/local/bulkhead-never".to_owned() })
    .run(context);
    assert!(saw(&seen).contains(&"rewritten"), "{:?}", seen.run);
    assert!(!marker.exists());
    assert!(!Path::new("/usr/local/bulkhead-never").exists());
    assert_ne!(std::fs::read("/etc/issue.net").unwrap_or_default(), b"rewritten");
}

#[test]
fn the_home_of_the_lab_is_empty_whatever_the_host_has_there() {
    let Some(context) = run_context() else { return };
    let seen =
        Fixture::new("kit.said('home', os.listdir('/root') + os.listdir('/home'))").run(context);
    assert_eq!(seen.run.hearsay, ["home []"]);
}

#[test]
fn a_build_that_does_not_end_is_cut_off() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("kit.mark('asleep')\ntime.sleep(60)");
    fixture.attack.run.timeout = Duration::from_millis(500);
    let seen = fixture.run(context);
    assert!(seen.run.timed_out);
    assert_eq!(seen.run.marks, ["asleep"]);
    assert!(!seen.run.built);
}

#[test]
fn the_supervisor_is_killed_when_the_mark_arrives() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("kit.mark('now')\ntime.sleep(60)");
    fixture.attack.run.interrupt = Some(Interrupt {
        signal: InterruptSignal::Kill,
        whom: Whom::Supervisor,
        after: "now".to_owned(),
    });
    let seen = fixture.run(context);
    assert!(!seen.run.timed_out && !seen.run.built);
    assert!(seen.run.hooks[0].exception.as_ref().unwrap().contains("SIGKILL"));
}

#[test]
fn a_second_build_runs_before_beside_and_after() {
    let Some(context) = run_context() else { return };
    for second in [Second::Before, Second::Beside, Second::After] {
        let mut fixture = Fixture::new("kit.mark('here')");
        fixture.attack.run.second = Some(second);
        let seen = fixture.run(context);
        assert!(seen.run.built);
        assert_eq!(saw(&seen), Vec::<&str>::new(), "{second:?}: {:?}", seen.findings);
    }
}

#[test]
fn a_source_tree_that_cannot_be_laid_out_breaks_the_trial_and_not_the_run() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("kit.mark('here')");
    fixture.add("backend.py/below", "a file is no folder");
    let seen = conduct(&fixture.trial(), context, 0);
    assert!(seen.run.broken.unwrap().contains("the source tree"));
}

#[test]
fn trials_at_the_same_time_do_not_meet() {
    let Some(context) = run_context() else { return };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let seen = Fixture::that_connects().run(context);
                assert_eq!(saw(&seen), ["reached"]);
            });
        }
    });
}

#[test]
fn the_front_end_is_killed_when_the_mark_arrives_and_the_hook_goes_on() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("kit.mark('now')\ntime.sleep(60)")
        .oracle("survives", OracleKind::ProcessSurvives);
    fixture.attack.run.interrupt = Some(Interrupt {
        signal: InterruptSignal::Kill,
        whom: Whom::Frontend,
        after: "now".to_owned(),
    });
    let seen = fixture.run(context);
    assert!(!seen.run.timed_out && seen.run.hooks.is_empty());
    assert_eq!(saw(&seen), ["survives"]);
}

#[test]
fn a_build_inherits_no_blocked_signal() {
    let Some(context) = run_context() else { return };
    // As the harness does for itself, to end a run in order.
    SigSet::from(Signal::SIGTERM).thread_block().unwrap();
    let seen = Fixture::new(
        "status = open('/proc/self/status').read()\n\
         kit.said('blocked', int(status.split('SigBlk:')[1].split()[0], 16))",
    )
    .run(context);
    assert_eq!(seen.run.hearsay, ["blocked 0"]);
}
