//! What this program says itself: the one place at which it writes to its caller.
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, write};

use super::plain;

/// How long a sentence waits for somebody to read it.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is written at a time: as much as a pipe or a terminal that is ready takes without making the
/// writer wait (`pipe(7)`, `PIPE_BUF`).
const SLICE: usize = 4096;

/// Nobody has read a sentence in time: from then on none waits.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Where the words of others reach the same reader: whether they have begun a line that they have not
/// ended.
static OTHERS: Line = Line(AtomicBool::new(false));

/// Whether a line is open.
#[derive(Debug)]
struct Line(AtomicBool);

impl Line {
    /// These bytes were written, which may be none.
    fn written(&self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.0.store(*last != b'\n', Ordering::Relaxed);
        }
    }

    /// What is to be written so that the next sentence begins a line; the line is no longer open then.
    fn end(&self) -> &'static str {
        if self.0.swap(false, Ordering::Relaxed) { "\n" } else { "" }
    }
}

/// Takes note of what was written of others' words to where [`say`] writes: a sentence begins a line,
/// however they end.
pub fn heard(bytes: &[u8]) {
    OTHERS.written(bytes);
}

/// Says a sentence on standard error, after the name of the program.
///
/// Nobody is left to tell where that cannot be written. A caller that does not read must not keep a
/// call from its end, for signals are blocked meanwhile: then the sentence is lost.
pub fn say(sentence: impl Display) {
    let text = plain(&format!("bulkhead: {sentence}"));
    let text = format!("{}{}\n", OTHERS.end(), text.trim_end_matches('\n'));
    let wait = if UNREAD.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
    if !write_within(std::io::stderr().as_fd(), text.as_bytes(), wait) {
        UNREAD.store(true, Ordering::Relaxed);
    }
}

/// Writes `bytes` and waits no longer than `wait` for whoever reads; in one piece where it fits, so that
/// what a build prints at the same time cannot come between. Gives whether it was not in vain.
fn write_within(to: BorrowedFd<'_>, bytes: &[u8], wait: Duration) -> bool {
    let latest = Instant::now() + wait;
    let mut rest = bytes;
    while !rest.is_empty() {
        let left = latest.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        match poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], Some(&left)) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return true,
        }
        match write(to, rest.get(..SLICE).unwrap_or(rest)) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) if Instant::now() < latest => {}
            Err(Errno::AGAIN) => return false,
            Err(_) => return true,
        }
    }
    true
}

/// Prints a text on standard output, or on standard error if it is `wrong`.
///
/// A reader that closes the pipe has seen enough.
///
/// # Errors
/// When the text cannot be written, as on a disk that is full.
pub fn print(text: &str, wrong: bool) -> io::Result<()> {
    let text = plain(text);
    if wrong {
        return enough(io::stderr().write_all(text.as_bytes()));
    }
    enough(io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()))
}

/// That nobody reads on is no failure.
fn enough(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints a text of this program's own, which quotes nothing, on standard output; with its colours
/// where that is a terminal.
///
/// # Errors
/// As [`print`].
pub fn print_own(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    enough(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::OwnedFd;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    use super::*;

    #[test]
    fn a_sentence_begins_a_line_however_the_words_before_it_end() {
        for (pieces, begins) in [
            (&[][..], ""),
            (&[&b""[..]][..], ""),
            (&[b"a\n"], ""),
            (&[b"a"], "\n"),
            (&[b"a\n", b"b"], "\n"),
            (&[b"a", b""], "\n"),
            (&[b"a", b"\n"], ""),
            (&[b"\r"], "\n"),
            (&["\u{2028}".as_bytes()], "\n"),
        ] {
            let line = Line(AtomicBool::new(false));
            for piece in pieces {
                line.written(piece);
            }
            assert_eq!((line.end(), line.end()), (begins, ""), "{pieces:?}");
        }
    }

    #[test]
    fn a_sentence_waits_for_its_reader_but_not_for_ever() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let writer = OwnedFd::from(writer);
        assert!(write_within(writer.as_fd(), b"read\n", PATIENCE));
        let flags = fcntl_getfl(&writer).unwrap();
        fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
        while write(&writer, &[b'x'; SLICE]).is_ok() {}
        fcntl_setfl(&writer, flags).unwrap();
        let begun = Instant::now();
        assert!(!write_within(writer.as_fd(), b"unread\n", Duration::from_millis(50)));
        assert!(begun.elapsed() < Duration::from_secs(20));
        // More than the pipe holds arrives whole where somebody reads.
        let long = vec![b'y'; 1 << 20];
        let all = std::thread::scope(|scope| {
            let read = scope.spawn(|| {
                let mut all = Vec::new();
                reader.read_to_end(&mut all).unwrap();
                all
            });
            assert!(write_within(writer.as_fd(), &long, Duration::from_mins(1)));
            drop(writer);
            read.join().unwrap()
        });
        assert!(all.ends_with(&long));
    }
}
