"""Opens a userfaultfd for faults in user mode, and stands still with it."""

import ctypes
import os

import kit

USERFAULTFD = {"x86_64": 323, "aarch64": 282}[os.uname().machine]
USER_MODE_ONLY = 1

def _call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    answer = libc.syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        _call(USERFAULTFD, ctypes.c_int(USER_MODE_ONLY))
        kit.hold("held")
    return kit.wheel(wheel_directory)
