//! What a build left is read by a process without power, and a call that is ended meanwhile hands
//! nothing over.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::contained::hook::BACKEND;
use crate::machine::{bulkhead, directory, is_root};
use crate::outputs::FrontEnd;

/// A wheel whose inspection takes a while: a large member that was packed small.
const SLOW: &str = "import base64, hashlib, os, zipfile
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name, info, rows = 'pkg-1.0-py3-none-any.whl', 'pkg-1.0.dist-info', []
    noise = os.urandom(3 << 20)
    with zipfile.ZipFile(os.path.join(wheel_directory, name), 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        def add(member, content):
            out.writestr(member, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()
            rows.append('%s,sha256=%s,%d' % (member, digest, len(content)))
        add('pkg/noise', noise)
        add('pkg/zeros', bytes(150 << 20))
        add(info + '/METADATA', b'Metadata-Version: 2.1\\nName: pkg\\nVersion: 1.0\\n')
        add(info + '/WHEEL', b'Wheel-Version: 1.0\\nTag: py3-none-any\\n')
        out.writestr(info + '/RECORD', '\\n'.join(rows + [info + '/RECORD,,', '']))
    return name
";

/// The inspector of a call, once there is one that is confined.
pub fn inspector(call: Pid) -> Option<(i32, String)> {
    let children = format!("/proc/{call}/task/{call}/children");
    let children = fs::read_to_string(children).ok()?;
    children.split_ascii_whitespace().find_map(|pid| {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let confined = status.lines().any(|line| line == "Seccomp:\t2");
        (words == "bulkhead\0inspect\0" && confined).then(|| (pid.parse().unwrap(), status))
    })
}

/// A call whose inspector is at work.
#[expect(clippy::zombie_processes, reason = "whoever asked for the call waits for it")]
fn inspected(front_end: &FrontEnd, options: &[&str]) -> (Child, i32, String) {
    let mut command = front_end.command(options);
    let call = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let pid = Pid::from_raw(i32::try_from(call.id()).unwrap());
        if let Some((pid, status)) = inspector(pid) {
            return (call, pid, status);
        }
        assert!(Instant::now() < deadline, "no inspector came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn nothing_was_handed_over(front_end: &FrontEnd) {
    assert_eq!(fs::read_dir(front_end.path("dist")).unwrap().count(), 0);
    assert!(!front_end.path("control/output.json").exists());
}

#[test]
fn the_inspector_has_nothing_but_its_socket() {
    if !is_root() {
        return;
    }
    let front_end = FrontEnd::new(SLOW);
    let (mut call, pid, status) = inspected(&front_end, &["--memory", "2G"]);
    let place = Path::new("/proc").join(pid.to_string());
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        line.unwrap_or_default().split_ascii_whitespace().next().unwrap_or_default().to_owned()
    };
    assert_ne!(field("Uid"), "0");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(fs::read(place.join("environ")).unwrap(), b"", "an empty environment");
    assert_eq!(fs::read_dir(place.join("root")).unwrap().count(), 0, "an empty root");
    for kind in ["net", "ipc", "uts"] {
        let of = |place: &Path| fs::read_link(place.join("ns").join(kind)).unwrap();
        assert_ne!(of(&place), of(Path::new("/proc/self")), "{kind}");
    }
    let groups = fs::read_to_string(place.join("cgroup")).unwrap();
    assert!(groups.contains("/bulkhead-"), "{groups}");
    call.kill().unwrap();
    call.wait().unwrap();
}

#[test]
fn an_inspector_that_is_killed_is_a_refusal() {
    if !is_root() {
        return;
    }
    let front_end = FrontEnd::new(SLOW);
    let (call, pid, _) = inspected(&front_end, &["--memory", "2G"]);
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let output = call.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(123), "{errors}");
    assert!(errors.contains("inspector") && errors.contains("was killed"), "{errors}");
    nothing_was_handed_over(&front_end);
}

/// A wheel whose list of members takes more memory than the build may have, and which takes little to
/// write.
const BROAD: &str = "import os, struct, zlib
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    path = os.path.join(wheel_directory, 'pkg-1.0-py3-none-any.whl')
    with open(path, 'wb') as out, open('list', 'w+b') as listed:
        for number in range(190000):
            name = b'pkg/' + b'%06d/' % number + b'n' * 150
            head = struct.pack('<5H3L2H', 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0)
            listed.write(b'PK\\1\\2' + struct.pack('<H', 788) + head + struct.pack('<3H2L', 0, 0, 0, 0o100644 << 16, out.tell()) + name)
            out.write(b'PK\\3\\4' + head + name)
        start, size = out.tell(), listed.tell()
        listed.seek(0)
        while piece := listed.read(1 << 20):
            out.write(piece)
        count = 190000
        out.write(b'PK\\6\\6' + struct.pack('<Q2H2L4Q', 44, 45, 45, 0, 0, count, count, size, start))
        out.write(b'PK\\6\\7' + struct.pack('<LQL', 0, start + size, 1))
        out.write(b'PK\\5\\6' + struct.pack('<4H2LH', 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0))
    return os.path.basename(path)
";

#[test]
fn an_inspector_that_needs_more_memory_than_the_build_has_is_a_refusal() {
    if !is_root() {
        return;
    }
    let front_end = FrontEnd::new(BROAD);
    let scratch = directory();
    let scratch = scratch.path().to_str().unwrap();
    let refused = |memory: &str| {
        let output = front_end.build(&["--memory", memory, "--scratch", scratch]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(123), "{errors}");
        nothing_was_handed_over(&front_end);
        errors
    };
    let enough = refused("1G");
    assert!(!enough.contains("its inspector"), "the control: {enough}");
    let errors = refused("40M");
    // Killed for it by its group, or told so by the kernel.
    let said = ["its inspector was killed; most likely it needs more memory", "out of memory"];
    assert!(said.iter().any(|words| errors.contains(words)), "{errors}");
    assert_eq!(errors.lines().filter(|line| line.contains("refused")).count(), 1, "{errors}");
}

/// Whenever an inspector is killed, either nothing is handed over or everything, because it had nothing
/// left to say.
#[test]
fn an_inspector_that_is_killed_at_any_moment_lets_nothing_through() {
    if !is_root() {
        return;
    }
    let front_end = FrontEnd::new(BACKEND);
    let mut ended = [0, 0];
    for round in 0..40_u64 {
        let mut command = front_end.command(&["--replace"]);
        let mut call = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let caller = Pid::from_raw(i32::try_from(call.id()).unwrap());
        // On a busy machine it may have come and gone between two looks.
        let inspector = loop {
            if let Some(pid) = started(caller) {
                break Some(pid);
            }
            if call.try_wait().unwrap().is_some() {
                break None;
            }
        };
        std::thread::sleep(Duration::from_micros(round * round * 20));
        if let Some(inspector) = inspector {
            let _ = kill(Pid::from_raw(inspector), Signal::SIGKILL);
        }
        let output = call.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let handed_over = front_end.path("dist/pkg-1.0-py3-none-any.whl").exists();
        let answered = front_end.path("control/output.json").exists();
        match output.status.code() {
            Some(0) => assert_eq!((handed_over, answered), (true, true), "{errors}"),
            Some(123) => {
                assert_eq!((handed_over, answered), (false, false), "{errors}");
                assert!(errors.contains("refused") || errors.contains("handed over"), "{errors}");
                assert!(errors.contains("inspector") && errors.contains("was killed"), "{errors}");
            }
            other => panic!("{other:?}: {errors}"),
        }
        ended[usize::from(handed_over)] += 1;
        for left in ["dist/pkg-1.0-py3-none-any.whl", "control/output.json"] {
            let _ = fs::remove_file(front_end.path(left));
        }
    }
    println!("{} refused, {} too late", ended[0], ended[1]);
    assert_ne!(ended[0], 0, "none was killed in time");
}

/// The inspector of a call, from its first moment.
fn started(call: Pid) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{call}/task/{call}/children")).ok()?;
    children.split_ascii_whitespace().find_map(|pid| {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        (words == "bulkhead\0inspect\0").then(|| pid.parse().unwrap())
    })
}

#[test]
fn a_signal_during_the_inspection_ends_the_call_and_nothing_is_handed_over() {
    if !is_root() {
        return;
    }
    for (signal, status) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let front_end = FrontEnd::new(SLOW);
        let (call, pid, _) = inspected(&front_end, &["--memory", "2G"]);
        kill(Pid::from_raw(i32::try_from(call.id()).unwrap()), signal).unwrap();
        let output = call.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{errors}");
        assert!(!Path::new("/proc").join(pid.to_string()).exists(), "the inspector is gone");
        nothing_was_handed_over(&front_end);
    }
}

#[test]
fn the_death_of_the_supervisor_ends_the_inspector() {
    if !is_root() {
        return;
    }
    let front_end = FrontEnd::new(SLOW);
    let (mut call, pid, _) = inspected(&front_end, &["--memory", "2G"]);
    call.kill().unwrap();
    call.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let place = Path::new("/proc").join(pid.to_string());
    while place.join("status").exists() && !is_dead(&place) {
        assert!(Instant::now() < deadline, "the inspector lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
    nothing_was_handed_over(&front_end);
}

fn is_dead(place: &Path) -> bool {
    let status = fs::read_to_string(place.join("status")).unwrap_or_default();
    status.is_empty() || status.lines().any(|line| line.starts_with("State:\tZ"))
}

#[test]
fn the_hidden_command_reads_from_nobody_else() {
    let place = directory();
    let output = bulkhead(place.path()).arg("inspect").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
}
