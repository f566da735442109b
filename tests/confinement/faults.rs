//! Every system call of a launch fails once, and none of them opens a door.
//!
//! A launch is recorded under `ptrace(2)` from the first call of `main` to the first instruction of
//! the payload, in every process of it. Then it is repeated once for each of those calls, with that
//! call failing. Two ends are allowed. Either the payload runs exactly as confined as in the
//! undisturbed launch, as its outcome says and as the kernel shows, because the call was not needed or
//! there is another way. Or the payload does not run, the exit status is 125 and one line says why.
//! In both nothing is left.
//!
//! By default the first and the last call of each kind in each process are tried. All of them:
//! `just faults`.

use std::collections::BTreeMap;

use nix::errno::Errno;
use rstest::rstest;
use sandbox::policy::syscalls::{Architecture, Syscalls, Table};

mod posture;
pub mod scene;
pub mod tracer;

use crate::apart::set_apart;
use crate::machine::is_root;
use scene::{Caller, Scene};
use tracer::{Disturbance, Point, Traced};

/// Calls that have no way to fail.
const CANNOT_FAIL: [&str; 9] = [
    "getpid",
    "gettid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "exit_group",
    "umask",
];

/// What a call fails with. The standard library takes two things for granted: that a call by which it
/// copies is not forbidden after it has been allowed, and that closing a directory is at most
/// interrupted.
fn errno(point: Point) -> Errno {
    match &*name(point.call) {
        "close" => Errno::EINTR,
        "sendfile" | "copy_file_range" => Errno::EIO,
        _ => Errno::EPERM,
    }
}

/// What the plan for an ordinary user with namespaces holds.
const HELD: [&str; 2] =
    ["--require", "secrets,network,processes,files,privileges,neighbours,remnants,artefacts"];

/// Which calls are tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweep {
    /// The first and the last of each kind in each process.
    Ends,
    /// Every one.
    Whole,
}

fn full() -> Scene {
    Scene::new("full", Caller::Root, &["--require", "all"], 1)
}

fn on_disk() -> Scene {
    Scene::new("full, on disk", Caller::Root, &HELD, 2).on_disk()
}

fn rootless() -> Scene {
    Scene::new("full, rootless", Caller::User, &HELD, 3)
}

fn contained() -> Scene {
    Scene::new("contained", Caller::RootWithout, &[], 4)
}

fn contained_rootless() -> Scene {
    Scene::new("contained, rootless", Caller::UserWithout, &[], 5)
}

fn hook() -> Scene {
    Scene::new("hook", Caller::Root, &HELD, 8).hook()
}

fn hook_on_disk() -> Scene {
    Scene::new("hook, on disk", Caller::Root, &HELD, 9).on_disk().hook()
}

fn hook_rootless() -> Scene {
    Scene::new("hook, rootless", Caller::User, &HELD, 10).hook()
}

fn hook_contained() -> Scene {
    Scene::new("hook, contained", Caller::RootWithout, &[], 11).hook()
}

fn proposal() -> Scene {
    Scene::new("proposal", Caller::Root, &["--level", "proposal"], 6)
}

#[test]
fn a_call_that_fails_leaves_no_build_of_roots_less_confined() {
    fail(Sweep::Ends, full);
}

#[test]
fn a_call_that_fails_leaves_no_build_of_an_ordinary_user_less_confined() {
    fail(Sweep::Ends, rootless);
}

#[test]
fn a_call_that_fails_leaves_no_contained_build_less_confined_without_a_word() {
    fail(Sweep::Ends, contained);
}

#[test]
fn a_call_that_fails_leaves_no_build_of_the_proposal_less_confined_and_no_account() {
    fail(Sweep::Ends, proposal);
}

#[rstest]
#[ignore = "takes minutes: `just faults`"]
fn no_call_that_fails_leaves_a_build_less_confined(
    #[values(full, on_disk, rootless, contained, contained_rootless, proposal)] scene: fn()
        -> Scene,
) {
    fail(Sweep::Whole, scene);
}

#[test]
fn a_call_that_fails_after_the_build_hands_nothing_over_that_was_not_looked_into() {
    fail_afterwards(Sweep::Ends, hook);
}

#[rstest]
#[ignore = "takes minutes: `just faults`"]
fn no_call_that_fails_after_the_build_hands_over_what_was_not_looked_into(
    #[values(hook, hook_on_disk, hook_rootless, hook_contained)] scene: fn() -> Scene,
) {
    fail_afterwards(Sweep::Whole, scene);
}

/// The calls of a scene from the end of its payload on: those by which the supervisor has the outputs
/// looked into, copies them out and clears away, and those of the inspector.
fn points_afterwards(scene: &Scene, undisturbed: &Traced) -> Vec<Point> {
    let before = &undisturbed.points[..undisturbed.before];
    // The loader's and the run-time library's, as in `points`, are those of the inspector's start too.
    let loading = scene.nothing().points;
    let inspector = undisturbed.roles.iter().position(|role| role == "inspector").unwrap();
    let of_its_start: Vec<_> = loading.iter().map(|point| (point.call, point.nth)).collect();
    let points = undisturbed.points.iter().skip(before.len()).filter(|point| {
        let loads = point.process == inspector && of_its_start.contains(&(point.call, point.nth));
        !loads && !CANNOT_FAIL.contains(&&*name(point.call))
    });
    points.copied().collect()
}

fn fail_afterwards(sweep: Sweep, scene: impl FnOnce() -> Scene) {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let scene = scene();
    let undisturbed = scene.launch(Disturbance::Nothing);
    assert_eq!(
        (undisturbed.status, scene.handed_over()),
        (Some(0), (true, true)),
        "{undisturbed:?}"
    );
    assert!(undisturbed.inspector.is_some(), "no inspector was seen");
    let outcome = scene.outcome();
    let points = points_afterwards(&scene, &undisturbed);
    let all = points.len();
    let tried = if sweep == Sweep::Whole { points } else { first_and_last(points) };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut breaches = Vec::new();
    for point in &tried {
        let traced = scene.launch(Disturbance::Fault(*point, errno(*point)));
        let what = format!("{}: {}", scene.name, describe(*point, &undisturbed));
        let verdict = judge_afterwards(&scene, &traced, &undisturbed, &outcome);
        if std::env::var_os("BULKHEAD_FAULTS_SHOWN").is_some() {
            println!("{what}: {verdict:?} {}", traced.stderr.trim_end());
        }
        match verdict {
            Ok(end) => *counts.entry(end).or_default() += 1,
            Err(why) => breaches.push(format!("{what}: {why}")),
        }
        breaches.extend(scene.remnants().into_iter().map(|left| format!("{what} leaves {left}")));
    }
    println!("{}: {} of {all} calls made to fail: {counts:?}", scene.name, tried.len());
    assert!(breaches.is_empty(), "{}\n{}", breaches.len(), breaches.join("\n"));
}

/// How a call ended that was disturbed after its build, if it ended well: everything was handed over, by
/// an inspector that was as confined as ever, or nothing.
fn judge_afterwards(
    scene: &Scene,
    traced: &Traced,
    undisturbed: &Traced,
    outcome: &serde_json::Value,
) -> Result<&'static str, String> {
    let told = traced.stderr.strip_prefix(&undisturbed.stderr).unwrap_or(&traced.stderr).trim_end();
    if traced.hung {
        return Err(format!("it hangs: {told}"));
    }
    let loose = match (&traced.inspector, &undisturbed.inspector) {
        // Signals that are blocked or ignored are nothing that one may do; SIGKILL never is.
        (Some(now), Some(then)) => {
            let of_signals = |it: &String| it.starts_with("SigBlk") || it.starts_with("SigIgn");
            now.differences(then).into_iter().filter(|it| !of_signals(it)).collect()
        }
        _ => vec![],
    };
    match (traced.status, scene.handed_over(), scene.in_the_callers()) {
        (Some(0), (true, true), 2) if !loose.is_empty() => {
            Err(format!("its inspector has {}", loose.join("; ")))
        }
        (Some(0), (true, true), 2) if told.starts_with("bulkhead: the command has run, but: ") => {
            Ok("handed over, with a complaint")
        }
        (Some(0), (true, true), 2) if scene.outcome() != *outcome => {
            Err(format!("the outcome is {}", scene.outcome()))
        }
        (Some(0), (true, true), 2) if told.is_empty() => Ok("handed over"),
        (Some(123), (false, false), 0) if told.starts_with("bulkhead: ") => {
            Ok("nothing handed over")
        }
        (Some(137), (false, false), 0) if has_lost_sight(traced) => Ok("ended while it ran"),
        // Where there are more processes to look at than there were, the same call comes before it.
        (Some(125), (false, false), 0)
            if traced.payload.is_none() && told.starts_with("bulkhead: ") =>
        {
            Ok("not run")
        }
        (status, handed_over, count) => Err(format!(
            "it ends with {status:?}, (wheel, answer) are {handed_over:?}, {count} files: {told}"
        )),
    }
}

/// Tries calls of a scene, and complains of all that is wrong together.
fn fail(sweep: Sweep, scene: impl FnOnce() -> Scene) {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let scene = scene();
    let undisturbed = scene.launch(Disturbance::Nothing);
    assert_eq!(undisturbed.status, Some(0), "{undisturbed:?}");
    let outcome = scene.outcome();
    let points = points(&scene, &undisturbed);
    let all = points.len();
    let tried = if sweep == Sweep::Whole { points } else { first_and_last(points) };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut breaches = Vec::new();
    for point in &tried {
        let traced = scene.launch(Disturbance::Fault(*point, errno(*point)));
        let what = format!("{}: {}", scene.name, describe(*point, &undisturbed));
        let verdict = judge(&scene, &traced, &undisturbed, &outcome);
        let remnants = scene.remnants();
        if std::env::var_os("BULKHEAD_FAULTS_SHOWN").is_some() {
            println!("{what}: {verdict:?} {}", traced.stderr.trim_end());
        }
        match verdict {
            Ok(end) => *counts.entry(end).or_default() += 1,
            Err(why) => breaches.push(format!("{what}: {why}")),
        }
        breaches.extend(remnants.into_iter().map(|left| format!("{what} leaves {left}")));
    }
    println!("{}: {} of {all} calls made to fail: {counts:?}", scene.name, tried.len());
    assert!(breaches.is_empty(), "{}\n{}", breaches.len(), breaches.join("\n"));
}

/// The calls that may fail, without those of the loader and of the run-time library.
fn points(scene: &Scene, undisturbed: &Traced) -> Vec<Point> {
    let nothing = scene.nothing();
    let same = undisturbed.points.iter().zip(&nothing.points).take_while(|(a, b)| a == b).count();
    let can_fail = |point: &&Point| !CANNOT_FAIL.contains(&&*name(point.call));
    undisturbed.points.iter().skip(same).filter(can_fail).copied().collect()
}

/// The first and the last call of each kind in each process.
fn first_and_last(points: Vec<Point>) -> Vec<Point> {
    let mut ends: BTreeMap<(usize, u64), (Point, Point)> = BTreeMap::new();
    for point in &points {
        let entry = ends.entry((point.process, point.call)).or_insert((*point, *point));
        entry.1 = *point;
    }
    points
        .into_iter()
        .filter(|point| {
            let (first, last) = ends[&(point.process, point.call)];
            *point == first || *point == last
        })
        .collect()
}

fn name(call: u64) -> String {
    let table = Table::of(Syscalls::default(), Architecture::native().unwrap());
    let known = table.entries.iter().find(|entry| u64::from(entry.number) == call);
    known.map_or_else(|| format!("call {call}"), |entry| entry.call.name.to_owned())
}

fn describe(point: Point, undisturbed: &Traced) -> String {
    format!("{} {} of {}", name(point.call), point.nth, undisturbed.roles[point.process])
}

/// How a disturbed launch ended, if it ended well.
fn judge(
    scene: &Scene,
    traced: &Traced,
    undisturbed: &Traced,
    outcome: &serde_json::Value,
) -> Result<&'static str, String> {
    if traced.hung {
        return Err("it hangs".to_owned());
    }
    // What is not held in full here is said before every launch.
    let told = traced.stderr.strip_prefix(&undisturbed.stderr).unwrap_or(&traced.stderr).trim_end();
    if let (Some(payload), Some(posture)) = (&traced.payload, &undisturbed.payload) {
        let differences = payload.differences(posture);
        let now = scene.outcome();
        return match traced.status {
            Some(0) if has_said_more(&traced.stderr, &undisturbed.stderr) => {
                Ok("less confined, and said so")
            }
            _ if !differences.is_empty() => Err(format!("it runs with {}", differences.join("; "))),
            Some(123) if now.is_null() && told.contains("but: could not write the outcome") => {
                Ok("as confined, and said that its outcome is not written")
            }
            Some(0) if now != *outcome => Err(format!("it runs with the outcome {now}")),
            Some(0) if traced.reached => Ok("as confined"),
            Some(0) => Ok("not reached"),
            _ if has_lost_sight(traced) => Ok("ended while it ran"),
            other => Err(format!("it runs and ends with {other:?}: {told}")),
        };
    }
    if has_lost_sight(traced) {
        return Ok("ended while it ran");
    }
    let found = matches!(traced.status, Some(126 | 127)) && told.contains("/bin/true");
    if traced.status != Some(125) && !found {
        return Err(format!("it does not run, and the status is {:?}: {told}", traced.status));
    }
    // Where the system's directories could not be looked at, they are told not to be there first.
    let most = if found { usize::MAX } else { 1 };
    let is_said = told.lines().all(|line| line.starts_with("bulkhead: "));
    if told.is_empty() || told.lines().count() > most || !is_said {
        return Err(format!("it does not say in one line why: {told:?}"));
    }
    Ok("not run")
}

/// Whether the supervisor could not watch over a payload that it had let through already, and ended
/// it. The gate opens a moment before the payload begins.
fn has_lost_sight(traced: &Traced) -> bool {
    traced.status == Some(137) && traced.stderr.contains("the command has run, but: ")
}

/// Whether a plan that holds less was made, because the host seemed to allow no more, and the launch
/// has said so before the payload ran. With `--require` it refuses instead.
fn has_said_more(now: &str, undisturbed: &str) -> bool {
    const NOTICE: &str = "not in full here: ";
    let lacking = |said: &str| {
        let notice = said.lines().rfind(|line| line.contains(NOTICE))?;
        Some(notice.split_once(NOTICE)?.1.to_owned())
    };
    let now = lacking(now);
    now.is_some() && now != lacking(undisturbed)
}

/// Calls that confine, and whose answer is nothing but success. For some of them there is not always
/// something to do, and then nothing to be seen.
const CONFINING: [(&str, bool); 16] = [
    ("capset", true),
    ("dup2", true),
    ("keyctl", true),
    ("landlock_restrict_self", true),
    ("mount_setattr", false),
    ("move_mount", true),
    ("pivot_root", true),
    ("prlimit64", false),
    ("seccomp", true),
    ("setgroups", false),
    ("sethostname", true),
    ("setresgid", true),
    ("setresuid", true),
    ("setsid", true),
    ("umount2", true),
    ("write", false),
];

/// With which calls the supervisor becomes itself again when it has made the namespaces: it looks whether
/// that took, and tries once more.
const TRIED_TWICE: [&str; 3] =
    ["setresuid 2 of supervisor", "setresgid 2 of supervisor", "capset 2 of supervisor"];

/// An inspector whose confining calls report success and do nothing gets nothing to read.
#[test]
fn an_inspector_on_which_a_layer_did_not_take_is_not_asked() {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let scene = Scene::new("hook", Caller::Root, &HELD, 12).hook();
    let undisturbed = scene.launch(Disturbance::Nothing);
    let inspector = undisturbed.roles.iter().position(|role| role == "inspector").unwrap();
    let mut lied = BTreeMap::new();
    let mut breaches = Vec::new();
    for point in points_afterwards(&scene, &undisturbed) {
        let name = name(point.call);
        let confines = INSPECTORS.contains(&&*name);
        if point.process != inspector || !confines {
            continue;
        }
        let traced = scene.launch(Disturbance::Fault(point, Errno::UnknownErrno));
        let what = describe(point, &undisturbed);
        let then = undisturbed.inspector.as_ref().unwrap();
        let loose = traced.inspector.as_ref().is_some_and(|it| !it.differences(then).is_empty());
        let refused = traced.status == Some(123) && scene.handed_over() == (false, false);
        if traced.hung || (loose && !refused) {
            breaches.push(format!("{what}: {:?} {}", traced.status, traced.stderr.trim_end()));
        }
        *lied.entry((name, refused)).or_insert(0) += 1;
    }
    println!("{lied:?}");
    let noticed = |name: &str| lied.contains_key(&(name.to_owned(), true));
    for must in ["seccomp", "setresuid", "setresgid", "chroot", "unshare", "setsid"] {
        assert!(noticed(must), "{must} is never missed: {lied:?}");
    }
    assert!(breaches.is_empty(), "{}\n{}", breaches.len(), breaches.join("\n"));
}

/// The calls by which an inspector confines itself.
const INSPECTORS: [&str; 11] = [
    "capset",
    "chroot",
    "landlock_restrict_self",
    "prctl",
    "prlimit64",
    "seccomp",
    "setgroups",
    "setresgid",
    "setresuid",
    "setsid",
    "unshare",
];

/// Where a call that confines reports success and does nothing, it is noticed all the same: bazel#1364
/// and bazel#26062 are sandboxes that believed their own calls.
#[test]
fn a_layer_that_did_not_take_ends_the_launch_before_the_payload_runs() {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let scene = Scene::new("full", Caller::Root, &["--require", "all"], 7);
    let undisturbed = scene.launch(Disturbance::Nothing);
    let points: Vec<_> = points(&scene, &undisturbed)
        .into_iter()
        .filter_map(|point| {
            let name = name(point.call);
            let known = CONFINING.iter().find(|(known, _)| *known == name)?;
            Some((point, known.1))
        })
        .collect();
    let mut breaches = Vec::new();
    for (point, always) in &points {
        let traced = scene.launch(Disturbance::Fault(*point, Errno::UnknownErrno));
        let what = describe(*point, &undisturbed);
        let posture = undisturbed.payload.as_ref().unwrap();
        let less = traced.payload.as_ref().is_some_and(|it| !it.differences(posture).is_empty());
        let seen = traced.status == Some(125) && traced.payload.is_none();
        let fewer_groups = traced.payload.as_ref().is_some_and(|it| it.groups < posture.groups);
        let must = *always && !fewer_groups && !TRIED_TWICE.contains(&what.as_str());
        if traced.hung || less || (must && !seen) {
            let differences = traced.payload.as_ref().map(|it| it.differences(posture));
            breaches.push(format!("{what}: {differences:?} {}", traced.stderr.trim_end()));
        }
        breaches.extend(scene.remnants().into_iter().map(|left| format!("{what} leaves {left}")));
    }
    println!("{} calls lied", points.len());
    assert!(breaches.is_empty(), "{}\n{}", breaches.len(), breaches.join("\n"));
}
