"""Mounts a tmpfs over a planted, empty directory."""

import ctypes
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("mount"):
        libc = ctypes.CDLL(None, use_errno=True)
        place = os.fsencode(kit.plant("folder").path)
        if libc.mount(b"exhibit", place, b"tmpfs", 0, b"size=4k") != 0:
            raise OSError(ctypes.get_errno(), "mount")
    return kit.wheel(wheel_directory)
