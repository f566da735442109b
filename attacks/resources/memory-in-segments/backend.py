"""Fills System V segments with 400 MiB.

They are no process's memory, and would stay when the last process is gone; the exhibit has
them go with it.
"""

import ctypes
import time

import calls
import kit

PIECE, PIECES = 16 << 20, 25
CREATE, REMOVE = 0o1600, 0


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("fill"):
        calls.libc.shmat.restype = ctypes.c_void_p
        for _ in range(PIECES):
            segment = calls.checked(calls.libc.shmget(0, ctypes.c_size_t(PIECE), CREATE), "shmget")
            address = calls.libc.shmat(segment, None, 0)
            calls.libc.shmctl(segment, REMOVE, None)
            ctypes.memset(address, 1, PIECE)
        time.sleep(kit.seconds(0.5))
    return kit.wheel(wheel_directory)
