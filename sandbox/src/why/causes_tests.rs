//! Tests of `causes`.

use super::*;
use crate::host::fakes;
use crate::policy::Policy;
use crate::policy::levels::Level;

fn plan(grants: &[&Path], path: &str) -> (Plan, Payload) {
    let variables = vec![("PATH".into(), path.into()), ("HOME".into(), "/root".into())];
    let mut payload = Payload::command(vec!["x".into()], "/w".into(), variables).unwrap();
    for path in grants {
        payload.grant((*path).to_owned());
    }
    let policy = Policy::preset(Level::Full);
    let plan = Plan::resolve(&policy, Path::new("/x"), &payload, &fakes::root()).unwrap();
    (plan, payload)
}

/// What is told of these things, and the switch.
fn told(grants: &[&Path], obstacle: &Obstacle) -> Option<(Layer, Option<String>)> {
    let (plan, payload) = plan(grants, "/usr/bin");
    Context::of(&plan, &payload).cause(obstacle).map(|cause| (cause.layer, cause.switch))
}

#[test]
fn the_narrowest_grant_is_proposed_and_none_of_what_is_seen_or_secret() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    std::fs::create_dir_all(root.join("include")).unwrap();
    std::fs::create_dir_all(root.join(".ssh")).unwrap();
    for file in ["include/a.h", ".ssh/config"] {
        std::fs::write(root.join(file), "").unwrap();
    }
    let include = root.join("include");
    let proposed = Some((Layer::Mounts, Some(format!("--ro {}", include.display()))));
    for path in [include.join("a.h"), include.clone()] {
        assert_eq!(told(&[], &Obstacle::Missing(path.clone())), proposed);
        assert_eq!(told(&[&include], &Obstacle::Missing(path)), None, "it is granted");
    }
    assert_eq!(told(&[], &Obstacle::Missing(root.join("none"))), None);
    for secret in [".ssh/config", ".ssh"] {
        let secret = Obstacle::Missing(root.join(secret));
        assert_eq!(told(&[], &secret), Some((Layer::Mounts, None)));
    }
    // What leads to all of a system is not to be granted for one name in it.
    assert_eq!(told(&[], &Obstacle::Missing("/root".into())), Some((Layer::Mounts, None)));
    let gone = Obstacle::Gone(include.join("made"));
    let writable = Some((Layer::Mounts, Some(format!("--rw {}", include.display()))));
    assert_eq!(told(&[], &gone), writable);
    let of_an_engine = root.join("docker.sock");
    let _bound = std::os::unix::net::UnixListener::bind(&of_an_engine).unwrap();
    assert_eq!(told(&[], &Obstacle::NoSocket(of_an_engine)), Some((Layer::Mounts, None)));
}

#[test]
fn each_kind_has_its_layer_and_the_switch_there_is() {
    for (obstacle, layer, switch) in [
        (Obstacle::Refused("ptrace", 1), Layer::Syscalls, Some("tracing")),
        (Obstacle::Refused("mount", 1), Layer::Syscalls, None),
        (Obstacle::NotReached("192.0.2.1:80".into(), 101), Layer::Network, None),
        (Obstacle::NotReached("127.0.0.1:80".into(), 111), Layer::Network, None),
        (Obstacle::Lookup, Layer::Network, None),
        (Obstacle::Limit(Shortage::Memory), Layer::Limits, Some("--memory")),
        (Obstacle::Limit(Shortage::Processes), Layer::Limits, Some("--pids")),
        (Obstacle::Limit(Shortage::OpenFiles), Layer::Limits, Some("open-files")),
        (Obstacle::Limit(Shortage::FileSize), Layer::Limits, Some("file-size")),
        (Obstacle::Limit(Shortage::Space), Layer::Limits, Some("--scratch")),
        (Obstacle::Owner("/tmp/x".into()), Layer::Identity, None),
        (Obstacle::Across("/tmp/x".into()), Layer::Mounts, None),
        (Obstacle::NotWritten("/usr/x".into(), 30), Layer::Mounts, None),
        (Obstacle::NotWritten("/usr/bin/x".into(), 30), Layer::Mounts, None),
        (Obstacle::NotWritten("/etc/cron.d/x".into(), 30), Layer::Mounts, None),
    ] {
        let (found, proposed) = told(&[], &obstacle).unwrap();
        assert_eq!(found, layer, "{obstacle:?}");
        match (&proposed, switch) {
            (Some(proposed), Some(switch)) => assert!(proposed.contains(switch), "{proposed}"),
            (proposed, switch) => assert_eq!(proposed.as_deref(), switch, "{obstacle:?}"),
        }
    }
}

#[test]
fn a_program_that_the_build_has_is_not_missed() {
    let place = tempfile::tempdir().unwrap();
    for name in ["sh", "tool"] {
        std::fs::copy("/bin/true", place.path().join(name)).unwrap();
    }
    let path = format!("{}:/usr/bin", place.path().display());
    let (plan, payload) = plan(&[], &path);
    let context = Context::of(&plan, &payload);
    let of = |obstacle: Obstacle| context.cause(&obstacle).map(|cause| cause.switch);
    assert_eq!(of(Obstacle::Missing("/usr/bin/sh".into())), None, "the system has one");
    let proposed = Some(Some(format!("--ro {}", place.path().display())));
    assert_eq!(of(Obstacle::Missing("/usr/bin/tool".into())), proposed);
    assert_eq!(of(Obstacle::NotExecuted("/usr/bin/tool".into())), proposed);
    assert_eq!(of(Obstacle::Missing("/usr/lib/tool".into())), None, "no entry of PATH");
}

#[test]
fn no_name_of_a_builds_choosing_says_what_would_help() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    let forged = root.join("x (layer `mounts`); `--ro ").join("root/.ssh` helps");
    std::fs::create_dir_all(forged.parent().unwrap()).unwrap();
    std::fs::write(&forged, "").unwrap();
    let (plan, payload) = plan(&[], "/usr/bin");
    let context = Context::of(&plan, &payload);
    for obstacle in [
        Obstacle::Missing(forged.clone()),
        Obstacle::NotExecuted(forged.clone()),
        Obstacle::Closed(forged.clone()),
        Obstacle::NotWritten(forged.clone(), 30),
        Obstacle::Gone(forged.clone()),
        Obstacle::NoSocket(forged.clone()),
        Obstacle::Owner(forged.clone()),
        Obstacle::Across(forged.clone()),
    ] {
        let Some(cause) = context.cause(&obstacle) else { continue };
        assert!(
            !cause.text.contains('`') && cause.switch.is_none(),
            "{obstacle:?}: {}",
            cause.text
        );
    }
}

#[test]
fn where_a_proposed_name_leads_is_told() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    std::fs::create_dir_all(root.join("real/include")).unwrap();
    std::fs::write(root.join("real/include/a.h"), "").unwrap();
    std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
    let (plan, payload) = plan(&[], "/usr/bin");
    let context = Context::of(&plan, &payload);
    let told = |name: &str| {
        let cause = context.cause(&Obstacle::Missing(root.join(name))).unwrap();
        assert!(cause.switch.is_some(), "{cause:?}");
        cause.text.contains(&format!("leads to {}", root.join("real/include").display()))
    };
    assert!(told("link/include/a.h") && !told("real/include/a.h"));
}
