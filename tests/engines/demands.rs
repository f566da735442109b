//! What is demanded in a container is held, or refused with what is missing; nothing degrades in
//! silence.

use std::process::Output;

use rstest::rstest;

use crate::container::{Container, Kind};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What becomes of `words` behind `bulkhead run` with `options`.
fn run(kind: Kind, uid: u32, options: &[&str], words: &[&str]) -> Option<Output> {
    let home = if uid == 0 { "/root" } else { "/home/user" };
    let words = [&["/opt/bulkhead", "run"], options, &["--"], words].concat();
    Container::new(kind, uid).at(home).run(&words)
}

#[rstest]
#[case::docker(Kind::Docker, 0, "network", "path-name sockets")]
#[case::docker_user(Kind::Docker, 1000, "secrets", "agents that listen")]
#[case::unconfined(Kind::Unconfined, 0, "processes", "can be seen")]
#[case::podman(Kind::Podman, 1000, "processes", "the host's name can be read")]
fn what_is_required_and_not_held_is_refused_by_name(
    #[case] kind: Kind,
    #[case] uid: u32,
    #[case] guarantee: &str,
    #[case] why: &str,
) {
    let Some(refused) = run(kind, uid, &["--require", "all"], &["/bin/echo", "ran"]) else {
        return;
    };
    let errors = text(&refused.stderr);
    assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(125), String::new()));
    let start = "bulkhead: required and not held here: ";
    let named = errors.starts_with(start) && errors.contains(&format!("`{guarantee}` ("));
    assert!(named && errors.contains(why), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");

    // A build that has no user of its own can ask its caller's agents.
    let secrets = (kind, uid) != (Kind::Docker, 1000);
    let held = ["secrets", "privileges", "remnants", "artefacts"];
    let held = held.into_iter().filter(|word| secrets || *word != "secrets");
    let held = ["--require", &held.collect::<Vec<_>>().join(",")];
    let ran = run(kind, uid, &held, &["/bin/echo", "ran"]).unwrap();
    assert_eq!((ran.status.code(), text(&ran.stdout)), (Some(0), "ran\n".to_owned()));
}

#[rstest]
#[case::root(0)]
#[case::user(1000)]
fn a_limit_that_a_container_cannot_set_is_refused_or_said(#[case] uid: u32) {
    let memory = ["--memory", "1G"];
    let Some(refused) = run(Kind::Docker, uid, &memory, &["/bin/echo", "ran"]) else { return };
    let errors = text(&refused.stderr);
    assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(125), String::new()));
    assert!(errors.contains("memory") && errors.contains("--best-effort"), "{errors}");
    let best = [memory.as_slice(), &["--best-effort"]].concat();
    let ran = run(Kind::Docker, uid, &best, &["/bin/echo", "ran"]).unwrap();
    let errors = text(&ran.stderr);
    assert_eq!((ran.status.code(), text(&ran.stdout)), (Some(0), "ran\n".to_owned()), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("resources partly"), "{errors}");
}

#[test]
fn what_a_build_cannot_be_given_is_named_with_the_way_out() {
    let copy = "mkdir -p /root/py/bin /work/tree; chmod 700 /root; cd /work/tree; \
                cp /usr/bin/env /root/py/bin/env; ";
    let behind = |script: &str| {
        let script = [copy, "/opt/bulkhead run -- ", script].concat();
        Container::new(Kind::Docker, 0).run(&["/bin/sh", "-c", &script])
    };
    let Some(closed) = behind("/root/py/bin/env echo ran") else { return };
    let errors = text(&closed.stderr);
    assert_eq!(
        (closed.status.code(), text(&closed.stdout)),
        (Some(126), String::new()),
        "{errors}"
    );
    assert!(errors.contains("`chmod o+x /root`"), "{errors}");
    // The way out is one, as far as the directory itself goes: it must be granted too.
    let opened = behind(
        "/bin/true; chmod o+x /root; /opt/bulkhead run --ro /root/py -- \
                         /root/py/bin/env echo ran",
    )
    .unwrap();
    assert_eq!(text(&opened.stdout), "ran\n", "{}", text(&opened.stderr));

    let whole = Container::new(Kind::Docker, 0).at("/");
    let refused = whole.run(&["/opt/bulkhead", "run", "--", "/bin/echo", "ran"]).unwrap();
    let errors = text(&refused.stderr);
    assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(125), String::new()));
    assert!(errors.contains("`docker run --workdir DIR`"), "{errors}");
}

#[test]
fn what_is_required_where_the_doctor_was_heard_is_held() {
    let held = "secrets,network,processes,files,privileges,neighbours,remnants,artefacts";
    for uid in [0, 1000] {
        let options = ["--require", held];
        let Some(ran) = run(Kind::Open, uid, &options, &["/bin/echo", "ran"]) else { return };
        assert_eq!(text(&ran.stdout), "ran\n", "{}", text(&ran.stderr));
    }
}
