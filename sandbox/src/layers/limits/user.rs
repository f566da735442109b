//! What the kernel counts for all processes of a user together: pending signals and timers, message
//! queues, locked memory, watches (`user_namespaces(7)`, `getrlimit(2)`).
//!
//! A build that shares its user with its caller gets a part, so that it cannot leave its caller, or
//! the caller's other builds, without.
#![forbid(unsafe_code)]

use rustix::process::Resource;

use super::{Bounds, Fallback, pair};
use crate::host::offer::{Cores, Offer};

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
pub(super) fn resolve(offer: &Offer, bounds: &mut Bounds) {
    let locked = if offer.counted_apart { LOCKED } else { LOCKED / PART };
    let queues = if offer.counted_apart { QUEUES } else { SHARED_QUEUES };
    bounds.ceilings.extend([
        (Resource::Memlock, pair(locked, locked)),
        (Resource::Msgqueue, pair(queues, queues)),
        // No priority above that of others, and none that keeps others from a processor.
        (Resource::Nice, pair(0, 0)),
        (Resource::Rtprio, pair(0, 0)),
    ]);
    if !offer.counted_apart {
        let current = offer.current(Resource::Sigpending).maximum;
        let signals = current.map_or(SHARED_SIGNALS, |most| SHARED_SIGNALS.min(most / PART));
        bounds.ceilings.push((Resource::Sigpending, pair(signals, signals)));
        if let Some(watching) = offer.watching {
            bounds.counts = vec![
                ("max_inotify_instances", part(watching.instances)),
                ("max_inotify_watches", part(watching.watches)),
            ];
        }
    }
    cores(offer, bounds);
}

/// The most processes that leave the caller some, where the build is its caller: within a user
/// namespace the build's are counted alone, and get a part of what the caller may have. Else all of
/// the user's are counted together, and a part is left to the others.
pub(super) fn processes(offer: &Offer) -> u64 {
    /// What a build needs all the same.
    const FEW: u64 = 64;
    match offer.current(Resource::Nproc).maximum {
        Some(most) if !offer.counted_apart && offer.counted_alone => {
            (most / PART).max(FEW).min(most - most / PART)
        }
        Some(most) if !offer.counted_apart => most - most / PART,
        _ => u64::MAX,
    }
}

fn part(of: u64) -> u64 {
    (of / PART).max(1)
}

/// A limit of 1 keeps the kernel from writing a core and from starting the program that a core
/// pattern names. With 0 it starts that all the same (`core(5)`).
fn cores(offer: &Offer, bounds: &mut Bounds) {
    bounds.ceilings.push((Resource::Core, pair(1, 1)));
    let stays_zero = offer.current(Resource::Core).maximum == Some(0);
    let woken = match offer.cores {
        Cores::Files => false,
        Cores::Program => stays_zero,
        Cores::Service => true,
    };
    if woken {
        bounds.fallbacks.push(Fallback::CoresHandedOver);
    }
}
