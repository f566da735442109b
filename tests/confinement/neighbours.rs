//! Two builds at one time have nothing in common by which one could reach the other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rstest::rstest;

use crate::machine::{bulkhead, directory, is_root};

/// Waits for a descriptor at `place`, and says what is in the file behind it.
const RECEIVER: &str = r"
import array, socket, sys
kind, place = sys.argv[1], sys.argv[2]
place = '\0' + place if kind == 'abstract' else place
with socket.socket(socket.AF_UNIX) as listener:
    listener.settimeout(20)
    listener.bind(place)
    listener.listen()
    print('ready', flush=True)
    peer, _ = listener.accept()
    _, fds, _, _ = socket.recv_fds(peer, 1, 1)
    print(open(fds[0]).read(), flush=True)
";

/// Passes a descriptor of a file of its own to who listens at `place`.
const SENDER: &str = r"
import os, socket, sys
kind, place = sys.argv[1], sys.argv[2]
place = '\0' + place if kind == 'abstract' else place
open('own', 'w').write('passed')
with socket.socket(socket.AF_UNIX) as peer:
    try:
        peer.connect(place)
        socket.send_fds(peer, [b'x'], [os.open('own', os.O_RDONLY)])
        print('sent')
    except OSError as error:
        print('refused')
";

fn start(directory: &std::path::Path, options: &[&str], script: &str, words: &[&str]) -> Child {
    let mut command = bulkhead(directory);
    command.arg("run").args(options).args(["--", "/usr/bin/python3", "-c", script]).args(words);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// What the sender says, and what the receiver got.
fn passed(options: &[&str], kind: &str, place: &str) -> (String, Option<String>) {
    let (receiver, sender) = (directory(), directory());
    let mut receiver = start(receiver.path(), options, RECEIVER, &[kind, place]);
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let sent = start(sender.path(), options, SENDER, &[kind, place]).wait_with_output().unwrap();
    let said = String::from_utf8(sent.stdout).unwrap().trim().to_owned();
    // Who waits for nobody any more is ended.
    let got = if said == "sent" { lines.next().map(Result::unwrap) } else { None };
    let pid = rustix::process::Pid::from_child(&receiver);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    receiver.wait().unwrap();
    (said, got)
}

/// CVE-2024-27297: two builds of Nix met at an abstract socket, and one wrote to the other's output.
#[rstest]
#[case::network_alone("abstract", &["--without", "landlock"])]
#[case::landlock_alone("abstract", &["--without", "network"])]
#[case::all("abstract", &[])]
#[case::path_name("path", &[])]
fn two_sandboxes_cannot_pass_a_descriptor_to_each_other(
    #[case] kind: &str,
    #[case] options: &[&str],
) {
    if !is_root() {
        return;
    }
    // Another for each case, for they may run at the same time.
    let name = format!("bulkhead-{}{}", std::process::id(), options.concat());
    let (place, control): (_, &[&str]) = match kind {
        "abstract" => (name, &["--without", "network", "--without", "landlock"]),
        // Below `/dev/shm`, where everybody may make one.
        _ => (
            format!("/dev/shm/{name}"),
            &["--without", "mounts", "--without", "landlock", "--without", "identity"],
        ),
    };
    let (said, got) = passed(control, kind, &place);
    assert_eq!((&*said, got.as_deref()), ("sent", Some("passed")), "the control");
    let _ = std::fs::remove_file(&place);
    assert_eq!(passed(options, kind, &place), ("refused".to_owned(), None));
}
