"""Lets a child create a user namespace and stand still there.

Within it the child holds every capability, although its parent has none.
"""

import ctypes
import os

import kit

CLONE_NEWUSER = 0x10000000


def _child():
    with kit.attempt("unshare"):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        kit.hold("held")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    child = os.fork()
    if child == 0:
        _child()
        os._exit(0)
    os.waitpid(child, 0)
    return kit.wheel(wheel_directory)
