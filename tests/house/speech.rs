//! Whatever text leaves `bulkhead` goes through the one module that frees it of commands.

use std::path::Path;

use crate::sources::{code, product, untested};
use crate::tree::{hold, read};

/// The files that write to the caller, or hand a payload what it writes to.
const SPEAKERS: [(&str, &str); 3] = [
    ("sandbox/src/plain/speech.rs", "what the program says itself"),
    ("sandbox/src/launch/streams.rs", "what the payload says, made plain on the way"),
    ("sandbox/src/layers/mounts.rs", "names of device files, nothing that is written"),
];

/// What writes to standard output or error, or gets hold of either.
const WAYS: [&str; 9] = [
    "stdout()",
    "stderr()",
    "print!(",
    "println!(",
    "dbg!(",
    ".print()",
    "print_exit(",
    "\"/dev/std",
    "\"/proc/self/fd/1",
];

#[test]
fn nothing_is_said_past_the_one_module_that_makes_it_plain() {
    let mut breaches = Vec::new();
    for file in product().iter().filter(|file| file.starts_with("sandbox")) {
        let text = read(file);
        // A question to `clap`, which writes nothing.
        let writes = |line: &str| line.replace("use_stderr()", "");
        let ways: Vec<_> = code(untested(&text))
            .filter(|(_, line)| WAYS.iter().any(|way| writes(line).contains(way)))
            .map(|(number, _)| number)
            .collect();
        let known = SPEAKERS.iter().any(|(known, _)| file == Path::new(known));
        for number in ways.iter().filter(|_| !known) {
            breaches.push(format!("{}:{number} writes past `plain`", file.display()));
        }
        if known && ways.is_empty() {
            breaches.push(format!("{} is on the list and says nothing", file.display()));
        }
    }
    hold("Text leaves the program by `say` and `print` of sandbox/src/plain/speech.rs.", &breaches);
}
