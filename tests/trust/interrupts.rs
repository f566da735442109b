//! A run that is interrupted at any moment leaves nothing.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fence::Fence;
use crate::workplace::{LEVELS, Workplace, is_able, skip};

const ENTRIES: [&str; 6] = [
    "benign/pure-python",
    "network/tcp-exfil",
    "processes/kill-victim",
    "remnants/daemon-survives",
    "remnants/orphan-after-kill",
    "secrets/netrc-read",
];
/// How often; `BULKHEAD_INTERRUPTS=50` is what a release is held to.
const TIMES: usize = 6;
/// The moments lie within this much of the start, in milliseconds.
const WITHIN: u64 = 2500;

/// A moment, the same for the same number: the run goes on differently each time anyway.
fn moment(number: usize) -> Duration {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    Duration::from_millis(20 + mixed % WITHIN)
}

#[test]
fn a_run_interrupted_at_any_moment_leaves_no_process_mount_group_or_file() {
    if !is_able() {
        return;
    }
    let times = std::env::var("BULKHEAD_INTERRUPTS").ok().and_then(|text| text.parse().ok());
    let times: usize = times.unwrap_or(TIMES);
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let whole = undisturbed();
    let (mut ends, mut hit) = (Vec::new(), 0);
    for number in 0..times {
        let signal = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL][number % 3];
        let Some(fence) = Fence::raise(&number.to_string()) else {
            return skip("control groups of version 1 are needed to see every process");
        };
        let place = Workplace::with(&ENTRIES);
        let scratch = place.path().join("scratch");
        std::fs::create_dir(&scratch).unwrap();
        let mut command =
            fence.around(&place.harness(&[&["run", "-j", "3"], &LEVELS[..]].concat()));
        command.env("TMPDIR", &scratch).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut harness = command.spawn().unwrap();
        std::thread::sleep(moment(number));
        let told = Instant::now();
        let pid = Pid::from_raw(harness.id().try_into().unwrap());
        let was_running = harness.try_wait().unwrap().is_none();
        if was_running {
            kill(pid, signal).unwrap();
        }
        let output = harness.wait_with_output().unwrap();
        let took = told.elapsed();
        let err = String::from_utf8_lossy(&output.stderr);
        let context = format!("number {number}, {signal} after {:?}: {err}", moment(number));

        assert_eq!(fence.inhabitants(Duration::from_secs(5)), Vec::<String>::new(), "{context}");
        let place_name = place.path().to_string_lossy().into_owned();
        assert!(!mounts().contains(&place_name) && !mounts().contains("bulkhead-lab"), "{context}");
        if was_running && signal == Signal::SIGKILL {
            assert_eq!(output.status.signal(), Some(9), "{context}");
            // What is left is on the disk, in its own place, and the groups are empty.
            assert!(!place.path().join("target").exists(), "{context}");
            hit += 1;
            continue;
        }
        let left: Vec<_> = std::fs::read_dir(&scratch).unwrap().flatten().collect();
        assert!(left.is_empty(), "{context}{left:?}");
        assert_eq!(fence.inner(), Vec::<std::path::PathBuf>::new(), "{context}");
        // Before the watch is set up the default action is all there is, and nothing has begun.
        if was_running && output.status.signal().is_none() && output.status.code() != Some(0) {
            assert_eq!(output.status.code(), Some(130), "{context}");
            assert!(!place.path().join("target").exists(), "nothing was written: {context}");
            ends.push(took);
            hit += 1;
        }
    }
    assert!(hit * 2 >= times, "only {hit} of {times} were interrupted in the middle");
    ends.sort();
    eprintln!("{hit} of {times} in the middle of {whole:?}; INT and TERM took {ends:?}");
    // On a busy machine all is slow, the whole run too; where the rule is broken, it goes on to its end.
    assert!(ends[0] < whole / 3, "{ends:?} of {whole:?}");
}

/// How long the run takes here and now.
fn undisturbed() -> Duration {
    let place = Workplace::with(&ENTRIES);
    let begin = Instant::now();
    let mut run = place.harness(&[&["run", "-j", "3"], &LEVELS[..]].concat());
    let output = run.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    begin.elapsed()
}
