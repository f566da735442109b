//! The plants of a lab: each is where its facts say, and does what it is there for.

use harness::catalogue::attack::{Answer, Namespace, OracleKind, PlantKind};
use harness::oracle::Observation;

use crate::fixture::{Fixture, file, run_context, saw};

/// Lets the body put what it finds into the wheel.
fn with_loot(body: &str) -> Fixture {
    let mut fixture = Fixture::new(&format!("loot = b''\n{body}"));
    fixture.replace(
        "return kit.wheel(wheel_directory)",
        "return kit.wheel(wheel_directory, {'x': loot})",
    );
    fixture
}

fn in_wheel(plant: &str) -> OracleKind {
    OracleKind::CanaryInArtefact { plant: plant.to_owned() }
}

fn said(seen: &Observation) -> String {
    format!("{:?}\n{}", seen.findings, String::from_utf8_lossy(&seen.run.log))
}

#[test]
fn every_listener_is_reached_where_its_facts_say() {
    let Some(context) = run_context() else { return };
    let seen = Fixture::new(
        "for name in ('loopback', 'six'):\n    \
             plant = kit.plant(name)\n    \
             with socket.create_connection((plant.address, plant.port), 5) as s:\n        \
                 s.sendall(kit.nonce.encode())\n\
         s = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 2)\n\
         s.sendto(kit.nonce.encode(), (kit.plant('netlink').port, 0))",
    )
    .plant("loopback", PlantKind::LoopbackListener)
    .plant("six", PlantKind::Tcp6Listener)
    .plant("netlink", PlantKind::NetlinkListener)
    .oracle("loopback", OracleKind::SocketReached { plant: "loopback".to_owned() })
    .oracle("six", OracleKind::SocketReached { plant: "six".to_owned() })
    .oracle("netlink", OracleKind::SocketReached { plant: "netlink".to_owned() })
    .run(context);
    assert_eq!(saw(&seen), ["loopback", "netlink", "six"], "{}", said(&seen));
}

#[test]
fn a_service_answers_in_http_and_a_variable_can_name_its_address() {
    let Some(context) = run_context() else { return };
    let mut fixture = with_loot(
        "import urllib.request\n\
         loot = urllib.request.urlopen(os.environ['TOKEN_URL'], timeout=5).read()",
    )
    .plant("service", PlantKind::TcpListener)
    .plant(
        "url",
        PlantKind::Variable {
            name: "TOKEN_URL".to_owned(),
            value: "http://{address.service}/token".to_owned(),
        },
    )
    .oracle("token", in_wheel("service"));
    fixture.attack.plants[0].answer =
        Some(Answer { text: "{\"value\": \"{canary}\"}".to_owned(), http: true });
    let seen = fixture.run(context);
    assert_eq!(saw(&seen), ["token"], "{}", said(&seen));
}

#[test]
fn a_helper_lends_its_privilege_to_another_user() {
    let Some(context) = run_context() else { return };
    for kind in [PlantKind::SetUidHelper, PlantKind::CapabilityHelper] {
        let seen = with_loot(
            "command = [kit.plant('helper').path, kit.plant('netrc').path]\n\
             loot = subprocess.run(command, user=1000, stdout=-1).stdout",
        )
        .plant("netrc", file("{home}/.netrc"))
        .plant("helper", kind.clone())
        .oracle("read", in_wheel("netrc"))
        .run(context);
        assert_eq!(saw(&seen), ["read"], "{kind:?}: {}", said(&seen));
    }
    let seen = with_loot(
        "loot = subprocess.run(['cat', kit.plant('netrc').path], user=1000, stdout=-1).stdout",
    )
    .plant("netrc", file("{home}/.netrc"))
    .oracle("read", in_wheel("netrc"))
    .run(context);
    assert_eq!(saw(&seen), Vec::<&str>::new(), "{}", said(&seen));
}

#[test]
fn what_the_front_end_holds_is_inherited() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new(
        "links = []\n\
         for number in range(3, 64):\n    \
             try:\n        \
                 links.append(os.readlink(f'/proc/self/fd/{number}').split(':')[0])\n        \
                 socket.socket(fileno=os.dup(number)).sendall(kit.nonce.encode())\n    \
             except OSError:\n        \
                 pass\n\
         kit.said('links', sorted(links))",
    )
    .plant("agent", PlantKind::AbstractListener)
    .plant("net", PlantKind::Namespace { what: Namespace::Net })
    .plant("etc", PlantKind::Directory { path: "/etc".to_owned(), mode: 0o755 })
    .oracle("agent", OracleKind::SocketReached { plant: "agent".to_owned() });
    fixture.attack.run.inherit = ["agent", "net", "etc"].map(str::to_owned).to_vec();
    let seen = fixture.run(context);
    assert_eq!(saw(&seen), ["agent"], "{}", said(&seen));
    let links = seen.run.hearsay.iter().find(|line| line.starts_with("links")).unwrap();
    for expected in ["'/etc'", "'net'", "'socket'"] {
        assert!(links.contains(expected), "{links}");
    }
}

#[test]
fn a_victim_holds_a_file_open() {
    let Some(context) = run_context() else { return };
    let seen = with_loot("loot = open(f\"/proc/{kit.find('holder')}/fd/1\", 'rb').read()")
        .plant("secret", file("/run/secret"))
        .plant(
            "holder",
            PlantKind::Process {
                name: "holder".to_owned(),
                args: Vec::new(),
                env: Vec::new(),
                memory: None,
                open: Some("/run/secret".to_owned()),
            },
        )
        .oracle("read", in_wheel("secret"))
        .run(context);
    assert_eq!(saw(&seen), ["read"], "{}", said(&seen));
}
