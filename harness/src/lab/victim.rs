//! A victim: a process outside the sandbox that holds what a build must not reach.
#![forbid(unsafe_code)]

use std::ffi::CString;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};

/// The variable by which the program knows that it is to play a victim.
pub const ROLE: &str = "BULKHEAD_VICTIM";

/// Plays a victim: takes a name and a text from standard input, keeps the text on the heap, says
/// where it is, and waits to be ended.
#[must_use]
pub fn play() -> ExitCode {
    match prepared() {
        Ok((socket, word)) => rest(&socket, &word),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Takes the text and reports its place.
fn prepared() -> std::io::Result<(UnixStream, Vec<u8>)> {
    let mut socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut text = Vec::new();
    // The other side shuts down its writing half behind the text.
    socket.read_to_end(&mut text)?;
    let cut = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let (name, word) = text.split_at(cut);
    // Sixteen bytes with the NUL: that is all that the kernel keeps.
    let name: Vec<u8> = name.iter().copied().take(15).collect();
    if let Ok(name) = CString::new(name) {
        rustix::thread::set_name(&name)?;
    }
    let word = word.iter().skip(1).copied().collect::<Vec<u8>>();
    // A victim that nobody may trace would prove nothing.
    writeln!(socket, "{}", word.as_ptr() as usize)?;
    Ok((socket, word))
}

/// Waits until the lab ends.
fn rest(socket: &UnixStream, word: &[u8]) -> ExitCode {
    loop {
        black_box(word);
        let mut watched = [PollFd::new(socket, PollFlags::empty())];
        // The lab's init holds the other end: its end is ours.
        match poll(&mut watched, None) {
            Ok(_) => return ExitCode::SUCCESS,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return ExitCode::FAILURE,
        }
    }
}
