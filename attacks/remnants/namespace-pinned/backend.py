"""Pins a namespace to a file, so that it stays when every process in it has ended.

A namespace ends with its last process, unless a file is bound to it. Whatever was set up
in this one, a network of its own for instance, waits there for whoever opens the file.
"""

import ctypes
import os

import kit

CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    libc = ctypes.CDLL(None, use_errno=True)
    with kit.attempt("pin"):
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        pin = os.fsencode(kit.plant("pin").path)
        if libc.mount(b"/proc/thread-self/ns/net", pin, None, MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "mount")
    return kit.wheel(wheel_directory)
