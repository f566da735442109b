//! The same by number, for the 32-bit entry of x86: its calls have no names here.
#![forbid(unsafe_code)]

/// The bit by which a number is one of x32.
pub(super) const X32: u32 = 0x4000_0000;
/// No call of any architecture has this number or a later one, but for those of x32.
pub(super) const END: u32 = 512;

/// What Docker refuses with `EPERM`.
pub(super) const DOCKER: &[u32] = &[
    17, 18, 21, 22, 25, 28, 31, 32, 34, 35, 44, 48, 51, 52, 53, 56, 58, 59, 62, 67, 68, 69, 72, 73,
    74, 79, 84, 86, 87, 88, 89, 98, 101, 103, 109, 110, 111, 112, 113, 115, 121, 127, 128, 129,
    130, 131, 134, 135, 137, 149, 166, 167, 169, 188, 189, 217, 222, 223, 251, 253, 264, 273, 274,
    275, 276, 283, 285, 286, 287, 288, 294, 310, 317, 336, 338, 341, 342, 346, 347, 348, 349, 350,
    357, 374, 380, 381, 382, 387, 388, 389, 390, 391, 392, 404, 415, 428, 429, 430, 431, 432, 433,
    438, 440, 442, 443,
];

/// What Podman refuses with `EPERM`.
pub(super) const PODMAN: &[u32] = &[
    18, 25, 28, 34, 51, 59, 62, 68, 69, 74, 79, 84, 86, 87, 101, 109, 110, 111, 113, 115, 121, 128,
    129, 131, 134, 135, 166, 167, 169, 253, 264, 283, 294, 316, 317, 336, 338, 342, 349, 350, 357,
    374, 385, 404, 440,
];

/// What does not exist for Podman.
pub(super) const PODMAN_ABSENT: &[u32] = &[
    17, 31, 32, 35, 44, 53, 56, 58, 98, 112, 127, 130, 137, 149, 188, 189, 222, 223, 251, 273, 285,
    286, 287, 387, 388, 389, 390, 391, 392, 415, 416, 425, 426, 427, 443,
];

/// What needs a capability in whatever namespace: mounts, names of the host, `setns`, `chroot`.
pub(super) const UBUNTU: &[u32] =
    &[21, 22, 52, 61, 74, 121, 217, 346, 429, 430, 432, 433, 442, 467];
