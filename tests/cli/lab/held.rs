//! Back ends that are less inert than they should be, at the level `none`: what a lab holds of them,
//! that no trial hangs or leaves anything, and that none makes its own evidence.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::catalogue::attack::{Lent, OracleKind};
use harness::conduct::conduct;
use harness::lab::profile::Profile;
use harness::oracle::Observation;
use harness::schedule::Trial;
use rstest::rstest;

use crate::fixture::{Fixture, file, run_context, saw};

/// The harness, as the host has it.
const PROGRAM: &str = env!("CARGO_BIN_EXE_harness");

/// Calls of the kernel for the back ends below.
const CALLS: &str = "import calls, ctypes\n\
    libc = calls.libc\n\
    def tried(name, act):\n\
    \x20   try:\n\
    \x20       kit.said(name, ('got', act()))\n\
    \x20   except OSError as error:\n\
    \x20       kit.said(name, ('refused', error.errno))\n\
    def mounted(kind, where, options=None):\n\
    \x20   os.makedirs(where, exist_ok=True)\n\
    \x20   data = options and options.encode()\n\
    \x20   calls.checked(libc.mount(b'none', where.encode(), kind.encode(), 0, data), 'mount')\n";

fn on(host: &str, body: &str) -> Fixture {
    assert!(Profile::ALL.iter().any(|(_, name)| *name == host));
    Fixture::new(&format!("{CALLS}{body}"))
}

/// Conducts it on a host, whatever comes of it.
fn seen(fixture: &Fixture, host: &str) -> Option<Observation> {
    let trial = Trial { host: host.to_owned(), ..fixture.trial() };
    let seen = conduct(&trial, run_context()?, 0);
    if let Some(reason) = &seen.unsupported {
        eprintln!("skipped: {reason}");
        return None;
    }
    Some(seen)
}

/// The same, and whether it has taken no longer than a busy machine needs.
fn seen_in_time(fixture: &Fixture, host: &str) -> Option<Observation> {
    // It is made ready first.
    run_context()?;
    let begin = Instant::now();
    let seen = seen(fixture, host);
    assert!(begin.elapsed() < Duration::from_mins(5), "{:?}", begin.elapsed());
    seen
}

/// Whether an oracle is among those that saw something.
fn has_seen(seen: &Observation, oracle: &str) -> bool {
    saw(seen).contains(&oracle)
}

/// What the back end said under a name.
fn said<'a>(seen: &'a Observation, name: &str) -> &'a str {
    let found = seen.run.hearsay.iter().find_map(|said| said.strip_prefix(name));
    let log = || String::from_utf8_lossy(&seen.run.log).into_owned();
    found.unwrap_or_else(|| panic!("{name}: {:?}\n{}", seen.run.hearsay, log())).trim()
}

/// The numbers of the file systems of a table of mounts, but for those of which a machine has one.
fn file_systems(table: &str) -> BTreeSet<String> {
    let only_one = [" - sysfs ", " - cgroup ", " - cgroup2 ", " - mqueue "];
    let own = table.lines().filter(|line| !only_one.iter().any(|kind| line.contains(kind)));
    own.filter_map(|line| line.split(' ').nth(2)).map(str::to_owned).collect()
}

#[rstest]
fn no_mount_and_no_program_of_a_lab_is_of_a_file_system_of_the_host(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] number: usize,
) {
    let (_, host) = Profile::ALL[number];
    let body = "kit.said('mounts', ' '.join(sorted({line.split()[2] for line in \
                open('/proc/self/mountinfo') if ' - sysfs ' not in line and \
                ' - cgroup' not in line and ' - mqueue ' not in line})))\n\
                for place in ('/opt/lab/bin/bulkhead', '/proc/1/exe'):\n\
                \x20   tried('device ' + place, lambda: os.stat(place).st_dev)\n\
                \x20   tried('mode ' + place, lambda: os.chmod(place, 0o777))\n\
                \x20   tried('attribute ' + place, lambda: os.setxattr(place, 'user.x', b'x'))";
    let before = fs::metadata(PROGRAM).unwrap();
    let Some(seen) = seen(&on(host, body), host) else { return };
    let ours = file_systems(&fs::read_to_string("/proc/self/mountinfo").unwrap());
    let theirs: BTreeSet<String> =
        said(&seen, "mounts").trim_matches('\'').split(' ').map(str::to_owned).collect();
    assert!(theirs.len() > 5, "{theirs:?}");
    assert_eq!(theirs.intersection(&ours).collect::<Vec<_>>(), Vec::<&String>::new(), "{host}");
    assert!(!said(&seen, "device /opt").contains(&format!("'got', {}", before.dev())), "{host}");
    assert!(!said(&seen, "device /proc").contains(&format!("'got', {}", before.dev())), "{host}");
    let after = fs::metadata(PROGRAM).unwrap();
    assert_eq!((after.mode(), after.ctime(), after.ctime_nsec()), {
        (before.mode(), before.ctime(), before.ctime_nsec())
    });
}

#[rstest]
fn nothing_is_opened_by_handle_but_by_who_has_borrowed_that(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] number: usize,
) {
    const BODY: &str = "handle = (ctypes.c_char * 136)(*(128).to_bytes(4, 'little'))\n\
        mount = ctypes.byref(ctypes.c_int())\n\
        place = '/tmp/of-a-handle'\n\
        open(place, 'w').close()\n\
        tried('named', lambda: calls.checked(\
            libc.name_to_handle_at(-100, place.encode(), handle, mount, 0)))\n\
        at = os.open('/tmp', os.O_RDONLY)\n\
        tried('opened', lambda: calls.checked(libc.open_by_handle_at(at, handle, os.O_RDONLY)))\n\
        namespace = (ctypes.c_char * 24)()\n\
        namespace[:8] = (16).to_bytes(4, 'little') + (0xf1).to_bytes(4, 'little')\n\
        namespace[8:24] = (1).to_bytes(8, 'little') + bytes(8)\n\
        tried('namespace', lambda: calls.checked(\
            libc.open_by_handle_at(-10003, namespace, os.O_RDONLY)))";
    let (_, host) = Profile::ALL[number];
    let mut fixture = on(host, BODY);
    let Some(first) = seen(&fixture, host) else { return };
    assert!(said(&first, "opened").contains("refused"), "{host}: {}", said(&first, "opened"));
    assert!(said(&first, "namespace").contains("refused"), "{host}");
    fixture.attack.run.lends = vec![Lent::Handles];
    let Some(lent) = seen(&fixture, host) else { return };
    assert_eq!(said(&lent, "opened").contains("got"), host == "root", "{host}");
}

#[rstest]
fn no_lab_is_led_to_the_mounts_of_the_host(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] number: usize) {
    let body = "import fcntl\n\
        def led(command):\n\
        \x20   found = fcntl.ioctl(os.open('/proc/self/ns/mnt', os.O_RDONLY), command, bytearray(16))\n\
        \x20   return os.readlink(f'/proc/self/fd/{found}')\n\
        for command in (0x8010b70b, 0x8010b70c, 0x8040b70c):\n\
        \x20   tried('led', lambda: led(command))";
    let (_, host) = Profile::ALL[number];
    let Some(seen) = seen(&on(host, body), host) else { return };
    let led: Vec<_> = seen.run.hearsay.iter().filter(|said| said.starts_with("led ")).collect();
    assert_eq!(led.len(), 3, "{:?}", seen.run);
    assert!(led.iter().all(|said| said.contains("refused")), "{host}: {led:?}");
}

/// Whoever may trace the first process sees what it has mapped.
#[test]
fn the_first_process_has_nothing_of_the_host_mapped() {
    let body = "mapped = [f'/proc/1/map_files/{name}' for name in os.listdir('/proc/1/map_files')]\n\
        kit.said('mapped', len(mapped))\n\
        kit.said('devices', ' '.join(sorted({str(os.stat(name).st_dev) for name in mapped})))\n\
        for name in mapped + ['/proc/1/exe', '/proc/1/root', '/proc/1/cwd', '/proc/1/fd/1']:\n\
        \x20   tried('attribute', lambda: os.setxattr(name, 'trusted.x', b'x'))\n\
        kit.said('null', os.stat('/proc/1/fd/1').st_dev)";
    let mut fixture = on("root", body);
    fixture.attack.run.lends = vec![Lent::Tracing];
    let Some(seen) = seen(&fixture, "root") else { return };
    assert_ne!(said(&seen, "mapped"), "0", "{:?}", seen.run);
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let places = table.lines().filter_map(|line| line.split(' ').nth(4));
    let ours: BTreeSet<_> =
        places.filter_map(|place| Some(fs::metadata(place).ok()?.dev().to_string())).collect();
    let devices = said(&seen, "devices").trim_matches('\'').split(' ').chain([said(&seen, "null")]);
    let of_the_host: Vec<_> = devices.filter(|device| ours.contains(*device)).collect();
    assert_eq!(of_the_host, Vec::<&str>::new(), "{ours:?}");
}

#[rstest]
fn no_socket_is_made_that_no_network_namespace_holds(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] number: usize,
) {
    let host = Profile::ALL[number].1;
    let body = "for family in (34, 40, 42):\n\
        \x20   tried(f'family{family}', lambda: socket.socket(family, socket.SOCK_STREAM))\n";
    let Some(seen) = seen(&on(host, body), host) else { return };
    for family in ["family34", "family40", "family42"] {
        // EAFNOSUPPORT, as a kernel answers that has none of them.
        assert_eq!(said(&seen, family), "('refused', 97)", "{host}");
    }
}

#[rstest]
#[case::root("root")]
#[case::docker("docker")]
fn no_device_but_the_six_can_be_opened(#[case] host: &str) {
    let body = "os.mkdir('/tmp/nodes')\n\
        try:\n\
        \x20   mounted('tmpfs', '/tmp/nodes')\n\
        except OSError:\n\
        \x20   pass\n\
        for place in ('/dev', '/tmp/nodes'):\n\
        \x20   for name, kind, major, minor in (('loop-control', 0o20000, 10, 237),\n\
        \x20           ('loop0', 0o60000, 7, 0), ('kmsg', 0o20000, 1, 11), ('disk', 0o60000, 254, 0)):\n\
        \x20       node = f'{place}/{name}'\n\
        \x20       def make_and_open():\n\
        \x20           os.mknod(node, kind | 0o600, os.makedev(major, minor))\n\
        \x20           return os.open(node, os.O_RDONLY)\n\
        \x20       tried('node ' + node, make_and_open)\n\
        tried('null', lambda: open('/dev/null', 'w').write('x'))";
    if !Path::new("/sys/fs/cgroup/devices").exists() {
        eprintln!("skipped: a device group needs control groups of version 1");
        return;
    }
    let Some(seen) = seen(&on(host, body), host) else { return };
    let nodes: Vec<_> = seen.run.hearsay.iter().filter(|said| said.starts_with("node ")).collect();
    assert_eq!(nodes.len(), 8, "{:?}", seen.run);
    assert!(nodes.iter().all(|said| said.contains("refused")), "{nodes:?}");
    assert!(said(&seen, "null").contains("got"));
    assert_eq!(seen.contaminated, None);
}

#[test]
fn a_lab_is_in_a_group_of_its_own_in_every_tree_and_leaves_none() {
    let body = "kit.said('root', open('/proc/self/cgroup').read())\n\
        for name in ('freezer', 'devices', 'cpuset', 'memory', 'pids'):\n\
        \x20   def made():\n\
        \x20       mounted('cgroup', '/tmp/' + name, name)\n\
        \x20       os.mkdir('/tmp/' + name + '/left-by-a-test')\n\
        \x20       return 'release_agent' in os.listdir('/tmp/' + name)\n\
        \x20   tried('tree ' + name, made)\n\
        child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n\
        def frozen():\n\
        \x20   open('/tmp/freezer/left-by-a-test/tasks', 'w').write(str(child.pid))\n\
        \x20   open('/tmp/freezer/left-by-a-test/freezer.state', 'w').write('FROZEN')\n\
        tried('frozen', frozen)";
    let fixture = on("root", body).oracle("lives", OracleKind::ProcessSurvives);
    let Some(seen) = seen_in_time(&fixture, "root") else { return };
    assert_eq!(seen.contaminated, None);
    for said in seen.run.hearsay.iter().filter(|said| said.starts_with("tree ")) {
        assert!(!said.contains("True"), "the root of the host's tree is in reach: {said}");
    }
    assert!(has_seen(&seen, "lives"), "{:?}", seen.findings);
    let lives = seen.findings.iter().find(|finding| finding.oracle == "lives").unwrap();
    assert!(!lives.evidence.contains("kthreadd"), "it sees the host: {}", lives.evidence);
    for entry in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        assert!(!entry.path().join("left-by-a-test").exists(), "{}", entry.path().display());
    }
}

#[rstest]
#[case::root("root")]
#[case::user("user")]
fn a_child_that_keeps_printing_holds_up_nobody(#[case] host: &str) {
    let body = "subprocess.Popen(['sh', '-c', 'while :; do echo y; done'], start_new_session=True)";
    let fixture = on(host, body).oracle("lives", OracleKind::ProcessSurvives);
    let Some(seen) = seen_in_time(&fixture, host) else { return };
    assert!(has_seen(&seen, "lives"), "{:?}", seen.findings);
    let lives = seen.findings.iter().find(|finding| finding.oracle == "lives").unwrap();
    assert!(!lives.evidence.contains("kthreadd"), "it sees the host: {}", lives.evidence);
    assert_eq!(seen.contaminated, None);
}

#[test]
fn what_is_mounted_over_a_process_hides_it_from_nobody_outside() {
    let body = "os.mkfifo('/tmp/fifo')\n\
        open('/tmp/false', 'w').write('Name:\\tx\\nState:\\tZ (zombie)\\nPid:\\t1\\n')\n\
        for cover in ('/tmp/fifo', '/tmp/false'):\n\
        \x20   child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n\
        \x20   for name in ('status', 'stat', 'cmdline'):\n\
        \x20       place = f'/proc/{child.pid}/{name}'\n\
        \x20       tried('covered', lambda: calls.checked(\
                    libc.mount(cover.encode(), place.encode(), None, 4096, None)))";
    let fixture = on("root", body).oracle("lives", OracleKind::ProcessSurvives);
    let Some(seen) = seen_in_time(&fixture, "root") else { return };
    assert!(said(&seen, "covered").contains("got"), "{:?}", seen.run.hearsay);
    assert!(has_seen(&seen, "lives"), "{:?}", seen.findings);
    let lives = seen.findings.iter().find(|finding| finding.oracle == "lives").unwrap();
    assert!(!lives.evidence.contains("kthreadd"), "it sees the host: {}", lives.evidence);
    assert_eq!(seen.contaminated, None);
}

#[rstest]
#[case::root("root")]
#[case::docker("docker")]
#[case::user("user")]
fn neither_the_front_end_nor_the_first_process_can_be_traced(#[case] host: &str) {
    let body = "def command(pid):\n\
        \x20   return open(f'/proc/{pid}/cmdline').read()\n\
        front = [int(pid) for pid in os.listdir('/proc') if pid.isdigit()\n\
        \x20        and 'driver.py' in command(pid)]\n\
        kit.said('front', len(front))\n\
        for pid in [1] + front:\n\
        \x20   for number in range(12):\n\
        \x20       tried('open', lambda: os.open(f'/proc/{pid}/fd/{number}', os.O_RDWR))\n\
        \x20   tried('memory', lambda: open(f'/proc/{pid}/mem', 'r+b').close())\n\
        \x20   tried('traced', lambda: calls.checked(libc.ptrace(0x4206, pid, None, None)))\n\
        \x20   for number in range(3, 12):\n\
        \x20       handle = os.pidfd_open(pid)\n\
        \x20       tried('copied', lambda: calls.syscall(438, handle, number, 0))";
    let Some(seen) = seen(&on(host, body), host) else { return };
    assert_eq!(said(&seen, "front"), "1", "{:?}", seen.run.hearsay);
    let got: Vec<_> = seen.run.hearsay.iter().filter(|said| said.contains("'got'")).collect();
    assert!(got.is_empty(), "{host}: {got:?}");
    assert!(seen.run.built, "{:?}", seen.run);
}

#[test]
fn an_attribute_of_a_file_that_was_there_is_evidence() {
    let body = "import struct\n\
        rights = struct.pack('<5I', 0x02000001, 1 << 2, 0, 0, 0)\n\
        tried('set', lambda: os.setxattr('/usr/bin/env', 'security.capability', rights))";
    let path = "/usr/bin/env".to_owned();
    let fixture = on("root", body).oracle("changed", OracleKind::FileChanged { path });
    let Some(seen) = seen(&fixture, "root") else { return };
    assert!(said(&seen, "set").contains("got"));
    assert!(has_seen(&seen, "changed"), "{:?} {:?}", seen.findings, seen.run);
}

#[test]
fn outputs_that_are_too_large_to_be_read_are_no_block() {
    let body = "for number in range(40):\n\
        \x20   with open(f'{wheel_directory}/sparse-{number}', 'w') as sparse:\n\
        \x20       sparse.truncate(1 << 30)";
    let fixture = on("root", body)
        .plant("netrc", file("{home}/.netrc"))
        .oracle("in-wheel", OracleKind::CanaryInArtefact { plant: "netrc".to_owned() });
    let Some(seen) = seen(&fixture, "root") else { return };
    let failure = seen.self_tests[0].failure.clone();
    assert_eq!(failure.as_deref(), Some("there is more in the outputs than is looked at"));
}
