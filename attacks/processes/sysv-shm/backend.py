"""Attaches a shared memory segment by its number, reads it, and overwrites its beginning.

Segments are found by number, have modes of their own, and are listed for everybody.
"""

import ctypes

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("attach"):
        segment = kit.plant("segment")
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        address = libc.shmat(segment.id, None, 0)
        if address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "shmat")
        loot["data.bin"] = ctypes.string_at(address, segment.size)
        ctypes.memmove(address, b"tampered", 8)
        libc.shmdt(ctypes.c_void_p(address))
    return kit.wheel(wheel_directory, loot)
