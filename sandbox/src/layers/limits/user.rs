//! What the kernel counts for all processes of a user together: pending signals and timers, message
//! queues, locked memory, watches (`user_namespaces(7)`, `getrlimit(2)`).
//!
//! A build that shares its user with its caller gets a part, so that it cannot leave its caller, or
//! the caller's other builds, without.
#![forbid(unsafe_code)]

use rustix::process::Resource;

use super::{Bounds, Fallback, pair};
use crate::host::limit_support::{Cores, LimitSupport};

/// The part of what its user may have that a build gets who shares that user.
const PART: u64 = 8;
/// Bytes of locked memory: enough for keys and for registered buffers.
const LOCKED: u64 = 8 << 20;
/// Bytes of message queues: what a user has by default, so enough for nine of the usual size.
const QUEUES: u64 = 819_200;
/// The same where the user is shared: enough for two.
const SHARED_QUEUES: u64 = QUEUES / 4;
/// Signals that wait, each timer among them, where the user is shared.
const SHARED_SIGNALS: u64 = 4096;

/// Adds to `bounds` what a build may have of its user's, and what it may never have.
pub(super) fn resolve(support: &LimitSupport, bounds: &mut Bounds) {
    let locked = if support.counted_apart { LOCKED } else { LOCKED / PART };
    let queues = if support.counted_apart { QUEUES } else { SHARED_QUEUES };
    bounds.ceilings.extend([
        (Resource::Memlock, pair(locked, locked)),
        (Resource::Msgqueue, pair(queues, queues)),
        // No priority above that of others, and none that keeps others from a processor.
        (Resource::Nice, pair(0, 0)),
        (Resource::Rtprio, pair(0, 0)),
    ]);
    if !support.counted_apart {
        let current = support.current(Resource::Sigpending).maximum;
        let signals = current.map_or(SHARED_SIGNALS, |most| SHARED_SIGNALS.min(most / PART));
        bounds.ceilings.push((Resource::Sigpending, pair(signals, signals)));
        if let Some(watching) = support.watching {
            bounds.counts = vec![
                ("max_inotify_instances", part(watching.instances)),
                ("max_inotify_watches", part(watching.watches)),
            ];
        }
    }
    cores(support, bounds);
}

/// The most processes that leave the caller some, where the build is its caller: within a user
/// namespace the build's are counted alone, and get a part of what the caller may have. Else all of
/// the user's are counted together, and a part is left to the others.
pub(super) fn processes(support: &LimitSupport) -> u64 {
    /// What a build needs all the same.
    const FEW: u64 = 64;
    match support.current(Resource::Nproc).maximum {
        Some(most) if !support.counted_apart && support.counted_alone => {
            (most / PART).max(FEW).min(most - most / PART)
        }
        Some(most) if !support.counted_apart => most - most / PART,
        _ => u64::MAX,
    }
}

fn part(of: u64) -> u64 {
    (of / PART).max(1)
}

/// A limit of 1 keeps the kernel from writing a core and from starting the program that a core
/// pattern names. With 0 it starts that all the same (`core(5)`).
fn cores(support: &LimitSupport, bounds: &mut Bounds) {
    bounds.ceilings.push((Resource::Core, pair(1, 1)));
    let stays_zero = support.current(Resource::Core).maximum == Some(0);
    let woken = match support.cores {
        Cores::Files => false,
        Cores::Program => stays_zero,
        Cores::Service => true,
    };
    if woken {
        bounds.fallbacks.push(Fallback::CoresHandedOver);
    }
}
