//! The terminal of somebody who watches a build: both ends are held outside, one is the lab's too.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

/// A terminal, as the one who sits before it has it.
#[derive(Debug)]
pub struct Terminal {
    /// Where a person types.
    keyboard: OwnedFd,
    /// Where a shell reads, and the front end.
    line: OwnedFd,
    settings: Termios,
}

/// Makes a terminal in the `/dev/pts` of the caller: the keyboard's end, and the line.
///
/// # Errors
/// Those of pty(7).
pub fn make() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let keyboard = openpt(flags)?;
    unlockpt(&keyboard)?;
    let line = ioctl_tiocgptpeer(&keyboard, flags)?;
    Ok((keyboard, line))
}

impl Terminal {
    /// Takes both ends.
    ///
    /// # Errors
    /// Those of tcgetattr(3).
    pub fn of(keyboard: OwnedFd, line: OwnedFd) -> io::Result<Self> {
        let settings = tcgetattr(&line)?;
        Ok(Self { keyboard, line, settings })
    }

    /// What a shell would read now. Settings are as they were found afterwards.
    ///
    /// # Errors
    /// Those of termios(3) and read(2).
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let found = tcgetattr(&self.line)?;
        let mut raw = found.clone();
        // A line without its end would wait for it otherwise.
        cfmakeraw(&mut raw);
        tcsetattr(&self.line, SetArg::TCSANOW, &raw)?;
        let blocking = fcntl_getfl(&self.line)?;
        fcntl_setfl(&self.line, blocking | OFlags::NONBLOCK)?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        let end = loop {
            match rustix::io::read(&self.line, &mut buffer) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => break Ok(bytes),
                Ok(length) => bytes.extend(buffer.get(..length).unwrap_or_default()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => break Err(error.into()),
            }
        };
        // The descriptor is a copy of the front end's: what it says must stay.
        fcntl_setfl(&self.line, blocking)?;
        tcsetattr(&self.line, SetArg::TCSANOW, &found)?;
        end
    }

    /// Whether the settings are others than in the beginning.
    ///
    /// # Errors
    /// Those of tcgetattr(3).
    pub fn changed(&self) -> io::Result<bool> {
        Ok(tcgetattr(&self.line)? != self.settings)
    }

    /// Whether what is typed arrives; the reason when it does not.
    #[must_use]
    pub fn self_test(&self) -> Option<String> {
        const SEED: &[u8] = b"seed\n";
        let typed = rustix::io::write(self.keyboard.as_fd(), SEED).map_err(io::Error::from);
        match typed.and_then(|_| self.read()) {
            Ok(read) if read == SEED => None,
            Ok(_) => Some("what is typed at the terminal does not arrive".to_owned()),
            Err(error) => Some(format!("the terminal cannot be read: {error}")),
        }
    }
}
