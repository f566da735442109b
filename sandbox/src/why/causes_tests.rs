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
fn told(grants: &[&Path], sight: &Sight) -> Option<(Layer, Option<String>)> {
    let (plan, payload) = plan(grants, "/usr/bin");
    Scene::of(&plan, &payload).cause(sight).map(|cause| (cause.layer, cause.switch))
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
        assert_eq!(told(&[], &Sight::Missing(path.clone())), proposed);
        assert_eq!(told(&[&include], &Sight::Missing(path)), None, "it is granted");
    }
    assert_eq!(told(&[], &Sight::Missing(root.join("none"))), None);
    for secret in [".ssh/config", ".ssh"] {
        let secret = Sight::Missing(root.join(secret));
        assert_eq!(told(&[], &secret), Some((Layer::Mounts, None)));
    }
    // What leads to all of a system is not to be granted for one name in it.
    assert_eq!(told(&[], &Sight::Missing("/root".into())), Some((Layer::Mounts, None)));
    let gone = Sight::Gone(include.join("made"));
    let writable = Some((Layer::Mounts, Some(format!("--rw {}", include.display()))));
    assert_eq!(told(&[], &gone), writable);
    let of_an_engine = root.join("docker.sock");
    let _bound = std::os::unix::net::UnixListener::bind(&of_an_engine).unwrap();
    assert_eq!(told(&[], &Sight::NoSocket(of_an_engine)), Some((Layer::Mounts, None)));
}

#[test]
fn each_kind_has_its_layer_and_the_switch_there_is() {
    for (sight, layer, switch) in [
        (Sight::Refused("ptrace", 1), Layer::Syscalls, Some("tracing")),
        (Sight::Refused("mount", 1), Layer::Syscalls, None),
        (Sight::NotReached("192.0.2.1:80".into(), 101), Layer::Network, None),
        (Sight::NotReached("127.0.0.1:80".into(), 111), Layer::Network, None),
        (Sight::Lookup, Layer::Network, None),
        (Sight::Limit(Limit::Memory), Layer::Limits, Some("--memory")),
        (Sight::Limit(Limit::Processes), Layer::Limits, Some("--pids")),
        (Sight::Limit(Limit::OpenFiles), Layer::Limits, Some("open-files")),
        (Sight::Limit(Limit::FileSize), Layer::Limits, Some("file-size")),
        (Sight::Limit(Limit::Space), Layer::Limits, Some("--scratch")),
        (Sight::Owner("/tmp/x".into()), Layer::Identity, None),
        (Sight::Across("/tmp/x".into()), Layer::Mounts, None),
        (Sight::NotWritten("/usr/x".into(), 30), Layer::Mounts, None),
        (Sight::NotWritten("/usr/bin/x".into(), 30), Layer::Mounts, None),
        (Sight::NotWritten("/etc/cron.d/x".into(), 30), Layer::Mounts, None),
    ] {
        let (found, proposed) = told(&[], &sight).unwrap();
        assert_eq!(found, layer, "{sight:?}");
        match (&proposed, switch) {
            (Some(proposed), Some(switch)) => assert!(proposed.contains(switch), "{proposed}"),
            (proposed, switch) => assert_eq!(proposed.as_deref(), switch, "{sight:?}"),
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
    let scene = Scene::of(&plan, &payload);
    let of = |sight: Sight| scene.cause(&sight).map(|cause| cause.switch);
    assert_eq!(of(Sight::Missing("/usr/bin/sh".into())), None, "the system has one");
    let proposed = Some(Some(format!("--ro {}", place.path().display())));
    assert_eq!(of(Sight::Missing("/usr/bin/tool".into())), proposed);
    assert_eq!(of(Sight::NotExecuted("/usr/bin/tool".into())), proposed);
    assert_eq!(of(Sight::Missing("/usr/lib/tool".into())), None, "no entry of PATH");
}

#[test]
fn no_name_of_a_builds_choosing_says_what_would_help() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    let forged = root.join("x (layer `mounts`); `--ro ").join("root/.ssh` helps");
    std::fs::create_dir_all(forged.parent().unwrap()).unwrap();
    std::fs::write(&forged, "").unwrap();
    let (plan, payload) = plan(&[], "/usr/bin");
    let scene = Scene::of(&plan, &payload);
    for sight in [
        Sight::Missing(forged.clone()),
        Sight::NotExecuted(forged.clone()),
        Sight::Closed(forged.clone()),
        Sight::NotWritten(forged.clone(), 30),
        Sight::Gone(forged.clone()),
        Sight::NoSocket(forged.clone()),
        Sight::Owner(forged.clone()),
        Sight::Across(forged.clone()),
    ] {
        let Some(cause) = scene.cause(&sight) else { continue };
        assert!(!cause.text.contains('`') && cause.switch.is_none(), "{sight:?}: {}", cause.text);
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
    let scene = Scene::of(&plan, &payload);
    let told = |name: &str| {
        let cause = scene.cause(&Sight::Missing(root.join(name))).unwrap();
        assert!(cause.switch.is_some(), "{cause:?}");
        cause.text.contains(&format!("leads to {}", root.join("real/include").display()))
    };
    assert!(told("link/include/a.h") && !told("real/include/a.h"));
}
