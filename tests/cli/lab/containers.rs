//! Hosts on which something is refused to everybody: containers, and Ubuntu.

use harness::catalogue::attack::{Need, OracleKind, Privilege};
use harness::conduct::{RunContext, conduct};
use harness::lab::profile::Profile;
use harness::oracle::Observation;
use harness::schedule::Trial;
use harness::target::own;
use rstest::rstest;
use sandbox::{Layer, LayerSet, Level};

use crate::fixture::{Fixture, run_context, saw};

/// What a process says of itself on a host.
fn said(host: &str, body: &str, context: &RunContext) -> Vec<String> {
    let seen = Fixture::new(body).run_on(host, context);
    assert!(seen.run.built, "{host}: {:?}", seen.run);
    seen.run.hearsay
}

const MOUNT: &str = "import ctypes\n\
                     libc = ctypes.CDLL(None, use_errno=True)\n\
                     def error(call, *arguments):\n\
                     \x20   return ctypes.get_errno() if getattr(libc, call)(*arguments) else 0\n";

#[test]
fn on_ubuntu_a_user_namespace_can_be_made_and_nothing_can_be_done_in_it() {
    let Some(context) = run_context() else { return };
    let body = format!(
        "{MOUNT}kit.said('unshare', error('unshare', 0x10020000))\n\
         kit.said('mount', error('mount', b'none', b'/var/tmp', b'tmpfs', 0, None))\n\
         kit.said('name', error('sethostname', b'x', 1))\n\
         kit.said('more', error('unshare', 0x04000000))"
    );
    let expected = ["unshare 0", "mount 1", "name 1", "more 1"];
    assert_eq!(said("ubuntu", &body, context), expected);
    // The same as a user elsewhere: it is the host that refuses.
    let expected = ["unshare 0", "mount 0", "name 1", "more 0"];
    assert_eq!(said("user", &body, context), expected);
}

#[test]
fn in_a_restricted_pod_nobody_has_or_gets_anything() {
    let Some(context) = run_context() else { return };
    let body = "status = open('/proc/self/status').read()\n\
                word = lambda name: status.split(name + ':')[1].split()[0]\n\
                first = open('/proc/1/status').read()\n\
                kit.said('ids', (os.getuid(), os.getgid(), os.getgroups()))\n\
                kit.said('status', [word(name) for name in ('CapBnd', 'CapPrm', 'NoNewPrivs', 'Seccomp')])\n\
                kit.said('first', first.split('CapBnd:')[1].split()[0])\n\
                kit.said('home', (os.environ['HOME'], os.access('/', os.W_OK), os.path.expanduser('~/x')))\n\
                kit.said('writable', [p for p in ('/tmp', '/build/pkg', '/var/tmp', '/run', '/home', '/dev/shm') if os.access(p, os.W_OK)])\n\
                kit.said('api', os.environ['KUBERNETES_SERVICE_HOST'])";
    let none = "0000000000000000";
    let expected = [
        "ids (1000680000, 0, [])".to_owned(),
        format!("status ['{none}', '{none}', '1', '2']"),
        format!("first '{none}'"),
        "home ('/', False, '/x')".to_owned(),
        "writable ['/tmp', '/build/pkg', '/dev/shm']".to_owned(),
        "api '192.0.2.1'".to_owned(),
    ];
    let told: Vec<_> =
        said("kubernetes", body, context).iter().map(|line| line.replace("[0]", "[]")).collect();
    assert_eq!(told, expected);
}

#[test]
fn the_pods_token_is_told_to_nobody_and_missed_when_it_is_gone() {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new(
        "loot = open('/var/run/secrets/kubernetes.io/serviceaccount/token', 'rb').read()",
    );
    fixture.replace(
        "return kit.wheel(wheel_directory)",
        "return kit.wheel(wheel_directory, {'x': loot})",
    );
    let seen = fixture.run_on("kubernetes", context);
    assert_eq!(saw(&seen), ["tripwire/canary-in-artefact"]);
    assert!(seen.findings[0].evidence.contains("host-token"), "{:?}", seen.findings);
}

#[test]
fn on_a_runner_the_caller_is_root_when_he_likes_and_the_engine_answers_him() {
    let Some(context) = run_context() else { return };
    let body = "run = lambda *words: subprocess.run(words, stdout=subprocess.PIPE, text=True).stdout.strip()\n\
                kit.said('ids', (os.getuid(), os.getgid()))\n\
                kit.said('root', run('sudo', '-n', 'id', '-u'))\n\
                kit.said('script', run('sudo', '-E', '--', sys.executable, '-c', 'import os; print(os.getresuid(), os.getgroups())'))\n\
                kit.said('shadow', len(run('sudo', 'cat', '/etc/shadow')) > 0)\n\
                kit.said('mount', run('sudo', 'sh', '-c', 'mount -t tmpfs none /mnt 2>&1 || echo refused').endswith('refused'))\n\
                s = socket.socket(socket.AF_UNIX)\n\
                s.connect('/var/run/docker.sock')\n\
                s.sendall(b'GET /info HTTP/1.0\\r\\n\\r\\n')\n\
                kit.said('engine', b'IdentityToken' in s.recv(4096))\n\
                kit.said('ci', os.environ['GITHUB_ACTIONS'])";
    let expected = [
        "ids (1001, 118)",
        "root '0'",
        "script '(0, 0, 0) []'",
        "shadow True",
        "mount True",
        "engine True",
        "ci 'true'",
    ];
    assert_eq!(said("runner", body, context), expected);
    // Elsewhere there is none, unless somebody plants it.
    let absent = "kit.said('sudo', os.path.exists('/opt/helpers/sh'))";
    assert_eq!(said("ubuntu", absent, context), ["sudo False"]);
}

#[test]
fn in_a_rootless_container_root_owns_the_files_and_is_a_user_outside() {
    let Some(context) = run_context() else { return };
    let created = OracleKind::FileCreated { path: "/etc/planted".to_owned() };
    let caller = OracleKind::PrivilegeGained { what: Privilege::CallerUid };
    let seen = Fixture::new(
        "kit.said('ids', (os.getuid(), os.stat('/etc/passwd').st_uid, os.stat('/tmp').st_uid))\n\
         kit.said('map', open('/proc/self/uid_map').read().split())\n\
         kit.said('first', os.access('/proc/1/environ', os.R_OK))\n\
         open('/etc/planted', 'w').write('x')\n\
         kit.hold('posture')",
    )
    .oracle("created", created)
    .oracle("caller", caller)
    .run_on("podman-rootless", context);
    let expected =
        ["ids (0, 0, 0)", "map ['0', '1000', '1', '1', '100000', '65536']", "first True"];
    assert_eq!(seen.run.hearsay, expected);
    assert_eq!(saw(&seen), ["caller", "created"]);
}

#[test]
fn in_a_pod_with_users_of_its_own_root_is_nobody_outside() {
    let Some(context) = run_context() else { return };
    let reached = "def tried(name, act):\n\
        \x20   try:\n\
        \x20       act()\n\
        \x20       kit.said(name, 'got')\n\
        \x20   except OSError as error:\n\
        \x20       kit.said(name, error.errno)\n\
        kit.said('ids', (os.getuid(), os.stat('/etc/passwd').st_uid, os.stat('/tmp').st_uid))\n\
        kit.said('map', open('/proc/self/uid_map').read().split())\n\
        os.chown('/tmp', 4000, 4000)\n\
        kit.said('other', os.stat('/tmp').st_uid)\n\
        tried('setting', lambda: open('/proc/sys/kernel/core_pattern', 'w'))\n\
        tried('trigger', lambda: open('/proc/sysrq-trigger', 'w'))\n\
        tried('node', lambda: os.mknod('/tmp/node', 0o60600, os.makedev(7, 0)))";
    let mut told = said("pod-userns", reached, context);
    // Not every kernel has one.
    let trigger = told.remove(4);
    assert!(["trigger 30", "trigger 2"].contains(&trigger.as_str()), "{trigger}");
    let expected =
        ["ids (0, 0, 0)", "map ['0', '524288', '65536']", "other 4000", "setting 30", "node 1"];
    assert_eq!(told, expected);
}

/// What `bulkhead` says on a host, in the lines of its standard output.
fn told(host: &str, words: &str, context: &RunContext) -> Vec<String> {
    let body = format!(
        "out = subprocess.run(['/opt/lab/bin/bulkhead', {words}], stdout=subprocess.PIPE, \
         text=True).stdout\n\
         for line in out.splitlines():\n    kit.said('told', line)"
    );
    said(host, &body, context)
}

#[rstest]
fn what_is_expected_on_a_host_is_what_the_plan_enforces_there(
    #[values(
        "root",
        "user",
        "docker",
        "docker-unconfined",
        "podman-rootless",
        "ubuntu",
        "kubernetes",
        "pod-userns",
        "runner"
    )]
    host: &str,
    #[values(Level::Network, Level::Proposal, Level::Full)] level: Level,
) {
    let Some(context) = run_context() else { return };
    let body = format!(
        "import json\n\
         words = ['explain', '--json', '--level', '{level}', '--', '/bin/true']\n\
         out = subprocess.run(['/opt/lab/bin/bulkhead', *words], capture_output=True, text=True)\n\
         plan = json.loads(out.stdout) if out.returncode == 0 else {{'plan': out.stderr}}\n\
         kit.said('kind', plan['plan'])\n\
         own = ['identity'] if plan.get('identity') == 'caller' else []\n\
         kit.said('layers', ' '.join(one for one in plan.get('layers', []) if one not in own))"
    );
    let told = said(host, &body, context);
    let [kind, layers] = &told[..] else { panic!("{told:?}") };
    let (kind, layers) = (kind.trim_matches('\''), layers.split('\'').nth(1).unwrap());
    let kind = kind.strip_prefix("kind '").unwrap();
    // A level that the host refuses is unsupported there, whatever is expected.
    if layers.is_empty() {
        assert!(kind.contains("does not let the sandbox") || kind.contains("root"), "{kind}");
        return;
    }
    let enforced: LayerSet = layers.split(' ').map(|word| word.parse::<Layer>().unwrap()).collect();
    let stand_ins = [Layer::Mounts, Layer::Proc, Layer::Network, Layer::Ipc];
    let enforced = match kind {
        "contained" => stand_ins.into_iter().fold(enforced, LayerSet::with),
        _ => enforced,
    };
    let expected = own::layers(host)(level);
    assert_eq!(expected, enforced, "{host} at {level}: {told:?}");
}

#[rstest]
#[case::docker("docker", "a container of Docker")]
#[case::unconfined("docker-unconfined", "a container of Docker")]
#[case::podman("podman-rootless", "Podman")]
fn bulkhead_knows_in_which_container_it_is(#[case] host: &str, #[case] container: &str) {
    let Some(context) = run_context() else { return };
    let told = told(host, "'doctor'", context);
    assert!(told.iter().any(|line| line.contains(container)), "{told:?}");
}

#[test]
fn what_this_machines_interpreter_starts_with_is_no_part_of_a_trial() {
    let Some(context) = run_context() else { return };
    let body = "import site\n\
                folders = [folder for folder in site.getsitepackages() if os.path.isdir(folder)]\n\
                names = [name for folder in folders for name in os.listdir(folder)]\n\
                kit.said('read', [name for name in names if name.endswith('.pth')])\n\
                kit.said('folders', len(folders) > 0)";
    let said = said("root", body, context);
    assert_eq!(said, ["read []", "folders True"]);
}

#[rstest]
fn a_host_keeps_its_walls_from_nobody(
    #[values("docker", "docker-unconfined", "podman-rootless", "pod-userns")] host: &str,
) {
    let Some(context) = run_context() else { return };
    let body = "status = open('/proc/self/status').read()\n\
                kit.said('bounding', int(status.split('CapBnd:')[1].split()[0], 16))\n\
                kit.said('first', int(open('/proc/1/status').read().split('CapBnd:')[1].split()[0], 16))\n\
                kit.said('settings', os.access('/proc/sys/kernel/core_pattern', os.W_OK))\n\
                kit.said('filtered', 'Seccomp:\\t2' in status)\n\
                kit.said('locked', 'NoNewPrivs:\\t1' in status)";
    let capabilities = Profile::of(host).capabilities().bits();
    let expected = [
        format!("bounding {capabilities}"),
        format!("first {capabilities}"),
        "settings False".to_owned(),
        // By the engine, or by the lab alone, which makes no socket that reaches the machine.
        "filtered True".to_owned(),
        "locked False".to_owned(),
    ];
    assert_eq!(said(host, body, context), expected);
}

#[rstest]
fn without_namespaces_no_honest_build_is_asked_for_loopback(
    #[values("docker", "ubuntu", "kubernetes", "runner")] host: &str,
) {
    let Some(context) = run_context() else { return };
    let mut fixture = Fixture::new("kit.mark('here')");
    fixture.attack.requires.push(Need::Loopback);
    let seen = |level| -> Observation {
        conduct(&Trial { host: host.to_owned(), level, ..fixture.trial() }, context, 0)
    };
    assert_eq!(seen(Level::None).unsupported, None);
    assert!(seen(Level::Full).unsupported.unwrap().contains("loopback"));
}
