//! A build that prints a hundred megabytes, in the language of terminals and CI services.

use std::process::Stdio;

use crate::workplace::{Workplace, ended, is_able};

/// As Python writes it. The back end never reaches its mark, so its log is put on record.
const BODY: &str = "    line = b\"\\x1b]0;owned\\x07\\x1b[2J::set-output name=key::word\\r\\xe2\\x80\\xae\\n##[add-mask]x ##vso[task.complete]y\\n\"\n\
    \x20   block = line * (1048576 // len(line))\n\
    \x20   for _ in range(100):\n\
    \x20       view = memoryview(block)\n\
    \x20       while view:\n\
    \x20           view = view[os.write(1, view):]\n\
    \x20   raise RuntimeError(line.decode())\n\
    \x20   kit.mark(\"open\")\n";

/// No more memory than this for a run whose build prints a hundred megabytes, in KiB.
const MEMORY: u64 = 256 * 1024;

#[test]
fn a_hundred_megabytes_of_log_cost_little_memory_and_are_harmless_wherever_they_show() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    place.attack("loud", "60s", BODY);
    let mut command = place.harness(&["run", "-j", "1", "-t", "own@none"]);
    let harness = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", harness.id());
    let watch = std::thread::spawn(move || {
        // The peak only grows, so what was seen last is the whole of it but for its last moment.
        let mut peak = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(line) = line else { break };
            peak = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        peak
    });
    let (status, out, err) = ended(harness.wait_with_output().unwrap());
    let peak = watch.join().unwrap();
    eprintln!("at most {peak} KiB of memory");
    assert!(peak > 0 && peak < MEMORY, "{peak} KiB");
    assert_eq!(status, 12, "the attack proves nothing: {out}{err}");

    let record = place.read("target/harness/run.json");
    let parsed: serde_json::Value = serde_json::from_str(&record).unwrap();
    let trials = parsed["trials"].as_array().unwrap();
    let loud = trials.iter().find(|trial| trial["attack"] == "files/loud").unwrap();
    let log = loud["attempts"][0]["log"].as_str().unwrap();
    assert!(!log.is_empty() && log.len() <= 64 * 1024, "{} bytes", log.len());
    let pages = ["target/harness/MATRIX.md", "target/harness/index.html"].map(|it| place.read(it));
    for text in [log, &out, &err, &pages[0], &pages[1]] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{text:?}");
        assert!(!text.contains("##[") && !text.contains("##vso["), "{text:?}");
        let command = |line: &&str| line.trim_start().starts_with("::");
        assert_eq!(text.lines().find(command), None);
    }
}
