//! A caller that reads slowly gets all that a build has printed, and one that reads nothing keeps no
//! call from its end.

use std::fmt::Write as _;
use std::io::{PipeReader, PipeWriter, Read as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use rstest::rstest;
use rustix::io::ioctl_fionread;
use rustix::pipe::fcntl_getpipe_size;
use sandbox::{End, Launcher, Level, Payload, Policy, Standard};

use crate::machine::{built, bulkhead, directory, is_root};
use crate::phases::{PROMPT, Reaped, children, is_gone, pid, wait};
use crate::remnants::await_true;

/// More than two pipes and the supervisor between them hold.
const LINES: usize = 3000;

/// Prints as many lines, and then its last word.
const STORY: &str = "yes 'a line that is long enough to fill what there is between the two of them' | \
                     head -n 3000; echo the end; echo of it >&2";

/// What is read of it, where both go to one place.
fn story() -> String {
    let mut text = String::new();
    for _ in 0..LINES {
        let _ = writeln!(
            text,
            "a line that is long enough to fill what there is between the two of them"
        );
    }
    text + "the end\nof it\n"
}

/// A call of `script` whose output nobody reads until somebody does.
fn unread(directory: &Path, options: &[&str], script: &str) -> (Reaped, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    (Reaped(call(directory, options, script, &writer).spawn().unwrap()), reader)
}

fn call(directory: &Path, options: &[&str], script: &str, writer: &PipeWriter) -> Command {
    let mut command = bulkhead(directory);
    command.args(["run", "--quiet"]).args(options).args(["--", "/bin/sh", "-c", script]);
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap());
    command.stderr(writer.try_clone().unwrap());
    command
}

/// Waits until nothing more goes into the pipe, of which not every page need be full.
fn await_full(reader: &PipeReader) {
    let half = u64::try_from(fcntl_getpipe_size(reader).unwrap() / 2).unwrap();
    await_true("the pipe is full", || {
        let before = ioctl_fionread(reader.as_fd()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        before > half && before == ioctl_fionread(reader.as_fd()).unwrap()
    });
}

/// Waits until nothing of the payload runs any more, and only what it printed is left.
fn await_payload(child: &Child) {
    await_true("the payload has ended", || children(pid(child)).is_empty());
}

#[rstest]
#[case::at_level_full(&[])]
#[case::as_it_is(&["--without", "harvest"])]
#[case::with_clocks(&["--silence", "2s", "--timeout", "1h"])]
fn whoever_reads_slowly_gets_every_byte(#[case] options: &[&str]) {
    let directory = directory();
    let (mut child, mut reader) = unread(directory.path(), options, STORY);
    await_full(&reader);
    // Longer than the silence that is allowed: the build does not wait of its own accord.
    std::thread::sleep(Duration::from_secs(3));
    let (mut read, mut part) = (Vec::new(), [0; 1000]);
    // To the last line the reader is behind, so that the payload is dead long before.
    loop {
        match reader.read(&mut part).unwrap() {
            0 => break,
            count => read.extend_from_slice(&part[..count]),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(wait(&mut child.0, Instant::now() + PROMPT), 0);
    // Before it some sentences may be said.
    assert!(String::from_utf8(read).unwrap().ends_with(&story()), "something is missing");
}

#[test]
fn what_is_in_the_pipes_when_a_payload_ends_is_handed_on_whenever_it_is_read() {
    let directory = directory();
    let script = "head -c 100000 /dev/zero | tr '\\0' a; echo; printf 'the last word' >&2; exit 3";
    let (out, err) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let mut command = call(directory.path(), &[], script, &out.1);
    let mut child = Reaped(command.stderr(err.1).spawn().unwrap());
    drop((command, out.1));
    await_full(&out.0);
    await_payload(&child.0);
    assert!(child.0.try_wait().unwrap().is_none(), "it waits for its reader");
    let (mut printed, mut errors) = (String::new(), String::new());
    { out.0 }.read_to_string(&mut printed).unwrap();
    { err.0 }.read_to_string(&mut errors).unwrap();
    assert_eq!((printed.len(), &*errors), (100_001, "the last word"));
    assert_eq!(wait(&mut child.0, Instant::now() + PROMPT), 3);
}

/// What a payload does that nobody listens to.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// It prints without end.
    Prints,
    /// The same, and it ends only when it is killed.
    Deaf,
    /// It prints more than fits when it is told to end.
    LastWords,
    /// It has ended, and not all that it printed has been taken.
    Dead,
}

impl Deed {
    const fn script(self) -> &'static str {
        match self {
            Self::Prints => "exec yes",
            Self::Deaf => "trap '' TERM INT HUP QUIT; exec yes",
            Self::LastWords => {
                "trap 'yes | head -n 200000; exit 0' TERM INT HUP QUIT; \
                 yes | head -n 30000; while :; do sleep 0.05; done"
            }
            Self::Dead => "yes | head -n 50000",
        }
    }

    fn await_it(self, child: &Child, reader: &PipeReader) {
        match self {
            Self::Prints | Self::Deaf | Self::LastWords => await_full(reader),
            Self::Dead => {
                await_full(reader);
                await_payload(child);
            }
        }
    }
}

#[rstest]
fn a_signal_ends_a_call_whose_output_nobody_reads(
    #[values(Deed::Prints, Deed::Deaf, Deed::LastWords, Deed::Dead)] payload: Deed,
    #[values(Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT)] signal: Signal,
) {
    let directory = directory();
    let (mut child, reader) = unread(directory.path(), &[], payload.script());
    payload.await_it(&child.0, &reader);
    assert!(child.0.try_wait().unwrap().is_none(), "the control: it waits for its reader");
    kill(pid(&child.0), signal).unwrap();
    let status = wait(&mut child.0, Instant::now() + PROMPT);
    assert_eq!(status, 128 + signal as i32, "a log without its end is no success");
}

#[rstest]
#[case::time(&["--timeout", "2s"], "exec yes", 124)]
#[case::time_of_the_deaf(&["--timeout", "2s"], "trap '' TERM; exec yes", 124)]
#[case::time_of_the_dead(&["--timeout", "2s"], "yes | head -n 50000", 124)]
#[case::log(&["--log", "40K"], "exec yes", 123)]
#[case::log_of_the_deaf(&["--log", "40K"], "trap '' TERM; exec yes", 123)]
#[case::silence(&["--silence", "1s"], "trap 'yes | head -n 200000; exit' TERM; while :; do sleep 0.05; done", 124)]
fn a_bound_ends_a_call_whose_output_nobody_reads(
    #[case] options: &[&str],
    #[case] script: &str,
    #[case] status: i32,
) {
    let directory = directory();
    let (mut child, _reader) = unread(directory.path(), options, script);
    assert_eq!(wait(&mut child.0, Instant::now() + PROMPT + PROMPT), status);
}

/// Nobody knows how long a payload is silent that waits for its reader.
#[test]
fn what_is_not_read_is_no_silence() {
    let directory = directory();
    let (mut child, reader) = unread(directory.path(), &["--silence", "300ms"], "exec yes");
    await_full(&reader);
    std::thread::sleep(Duration::from_secs(2));
    assert!(child.0.try_wait().unwrap().is_none(), "it was ended");
    drop(reader);
    wait(&mut child.0, Instant::now() + PROMPT);
}

#[rstest]
#[case::that_prints(Deed::Prints)]
#[case::that_is_deaf(Deed::Deaf)]
#[case::that_is_dead(Deed::Dead)]
fn whoever_lets_go_of_a_build_waits_for_no_reader(#[case] payload: Deed) {
    let directory = directory();
    let argv = vec!["/bin/sh".into(), "-c".into(), payload.script().into()];
    for drops in [true, false] {
        let variables = std::env::vars_os().collect();
        let demand =
            Payload::command(argv.clone(), directory.path().to_owned(), variables).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let error = Stdio::from(writer.try_clone().unwrap());
        let standard = Standard { input: None, output: writer.into(), error };
        let running =
            Launcher::new(built()).launch(&Policy::preset(Level::Full), &demand, standard).unwrap();
        let supervisor = nix::unistd::Pid::from_raw(running.id().try_into().unwrap());
        await_full(&reader);
        if matches!(payload, Deed::Dead) {
            await_true("the payload has ended", || children(supervisor).is_empty());
        }
        let begun = Instant::now();
        if drops {
            drop(running);
        } else {
            running.kill();
            let ended = running.finish().unwrap();
            assert_eq!(ended.outcome.end, End::Signalled(9));
        }
        assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
        assert!(is_gone(supervisor));
    }
}

/// A front end that dies leaves its descriptors to whoever has them as well.
#[test]
fn the_death_of_the_caller_ends_a_hook_whose_output_nobody_reads() {
    if !is_root() {
        return;
    }
    for script in ["    os.execv('/usr/bin/yes', ['yes'])\n", "    print('x\\n' * 100000)\n"] {
        let hook = format!(
            "import os\ndef build_wheel(wheel_directory, config_settings=None, \
             metadata_directory=None):\n{script}"
        );
        let front_end = crate::outputs::FrontEnd::new(&hook);
        let command = front_end.command(&[]);
        let (reader, writer) = std::io::pipe().unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "\"$@\" & wait", "sh"]).arg(command.get_program());
        shell.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut shell = Reaped(shell.spawn().unwrap());
        await_full(&reader);
        let call = children(pid(&shell.0))[0];
        kill(pid(&shell.0), Signal::SIGKILL).unwrap();
        wait(&mut shell.0, Instant::now() + PROMPT);
        let latest = Instant::now() + PROMPT;
        while !is_gone(call) {
            assert!(Instant::now() < latest, "it goes on");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
