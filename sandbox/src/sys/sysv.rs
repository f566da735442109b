//! System V shared memory: one segment, attached, read and written byte by byte.
#![expect(unsafe_code, reason = "neither nix nor rustix wraps shmget(2), shmat(2) and shmdt(2)")]

use std::io;
use std::ptr::NonNull;

use nix::libc;

/// A shared memory segment of the caller's IPC namespace, attached to this process.
#[derive(Debug)]
pub struct Segment {
    id: i32,
    address: NonNull<u8>,
    size: usize,
}

// SAFETY: the address is the kernel's mapping, valid in every thread of the process until `drop`;
// it is read and written with volatile accesses of single bytes only.
unsafe impl Send for Segment {}

impl Segment {
    /// Makes a segment that did not exist, with permission bits `mode`, and attaches it.
    ///
    /// # Errors
    /// Those of shmget(2) and shmat(2).
    pub fn create(key: i32, size: usize, mode: i32) -> io::Result<Self> {
        // SAFETY: shmget takes plain numbers and touches no memory of ours.
        let id = unsafe { libc::shmget(key, size, libc::IPC_CREAT | libc::IPC_EXCL | mode) };
        if id < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a null address lets the kernel choose an unused range; no existing mapping is
        // replaced.
        let address = unsafe { libc::shmat(id, std::ptr::null(), 0) };
        if address as isize == -1 {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(address.cast())
            .map(|address| Self { id, address, size })
            .ok_or_else(|| io::Error::other("shmat returned a null address"))
    }

    /// The segment's number within its IPC namespace.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Puts `bytes` at the beginning; what does not fit is dropped.
    pub fn write(&self, bytes: &[u8]) {
        for (offset, byte) in bytes.iter().take(self.size).enumerate() {
            // SAFETY: `offset` is below `size`, the length with which the segment was made, so the
            // address lies within the mapping that shmat returned and that only `drop` ends.
            unsafe { self.address.add(offset).write_volatile(*byte) };
        }
    }

    /// All bytes, as they are now; other processes may be writing meanwhile.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        (0..self.size)
            // SAFETY: as in `write`; volatile single-byte reads give each byte some value even
            // while another process writes it.
            .map(|offset| unsafe { self.address.add(offset).read_volatile() })
            .collect()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: the address came from shmat, and no reference into the mapping outlives `self`.
        // The segment itself dies with its IPC namespace.
        unsafe { libc::shmdt(self.address.as_ptr().cast()) };
    }
}
