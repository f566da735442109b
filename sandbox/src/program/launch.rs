//! `bulkhead launch`: for programs that use the library; the request comes over a socket.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::sockopt::socket_type;
use rustix::stdio::{dup2_stdin, stdin};

use super::attempt;
use super::error::Failure;
use super::report::say_afterwards;
use crate::launch::{Beginning, Client, LaunchError};
use crate::outcome::Outcome;
use crate::plain::say;
use crate::wire::{Answer, Channel, Started, answer_json, read_request};

/// Answers the request at standard input, and gives the exit status.
pub(super) fn run() -> Result<u8, Failure> {
    let beginning = Beginning::now();
    let channel = take_socket().map_err(Failure::Socket)?;
    let Some((document, input)) = channel.receive().map_err(Failure::Socket)? else {
        return Ok(0);
    };
    if let Some(input) = input {
        dup2_stdin(&input).map_err(|errno| Failure::Socket(errno.into()))?;
    }
    let answer = serve(&beginning, &channel, &document);
    let status = match &answer {
        Answer::Ended(outcome) => outcome.end.exit_status(),
        Answer::NotStarted { status, .. } => *status,
        Answer::Started(_) => 0,
    };
    // Who asked may be dead; then there is nobody to tell.
    let _ = channel.send(&answer_json(&answer), None);
    Ok(status)
}

/// Launches what `document` asks for, waits for its end and clears away what it had.
fn serve(beginning: &Beginning, channel: &Channel, document: &str) -> Answer {
    let begun = std::cell::Cell::new(false);
    let started = |plan: &crate::plan::Plan| {
        begun.set(true);
        let _ = channel.send(&answer_json(&Answer::Started(Started::under(plan))), None);
    };
    let client = Client::new(channel.as_fd(), &started).hearing(&|sentence| say(sentence));
    let client = client.since(beginning);
    let launched = read_request(document).map_err(Failure::from).and_then(|(policy, payload)| {
        let program = payload.program()?;
        attempt::run(&policy, &program, &payload, &client)
    });
    match launched {
        Ok((_, mut finished)) => {
            let (trouble, cleared) = (finished.trouble.take(), finished.clear_away());
            let outcome = finished.outcome.clone();
            for error in [trouble, cleared.err(), finished.clear().err()].into_iter().flatten() {
                say_afterwards(&error);
            }
            Answer::Ended(outcome)
        }
        // The command was let through and could not be executed.
        Err(failure) if begun.get() => {
            Answer::Ended(Outcome::new(failure.end(), std::time::Duration::ZERO))
        }
        Err(failure) => not_started(&failure),
    }
}

fn not_started(failure: &Failure) -> Answer {
    let step = match failure {
        Failure::Launch(LaunchError::Step { fault, .. }) => Some(fault.step),
        _ => None,
    };
    Answer::NotStarted { step, cause: failure.to_string(), status: failure.exit_status() }
}

/// Moves the socket away from standard input, which a payload may inherit.
fn take_socket() -> io::Result<Channel> {
    socket_type(stdin())?;
    let socket: OwnedFd = fcntl_dupfd_cloexec(stdin(), 3)?;
    let null = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    Ok(Channel::from(socket))
}
