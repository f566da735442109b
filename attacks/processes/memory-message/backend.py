"""Finds a segment by its key, not its number, and overwrites its beginning.

The segment is known to all who know the key, and the other side reads whatever lies
there.
"""

import ctypes

import kit

READ_WRITE = 0o666


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("attach"):
        segment = kit.plant("segment")
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        number = libc.shmget(segment.key, segment.size, READ_WRITE)
        if number < 0:
            raise OSError(ctypes.get_errno(), "shmget")
        address = libc.shmat(number, None, 0)
        ctypes.memmove(address, b"tampered", 8)
        libc.shmdt(ctypes.c_void_p(address))
    return kit.wheel(wheel_directory)
