"""Sets up an io_uring, and stands still with its descriptor."""

import ctypes
import os

import kit

IO_URING_SETUP = {"x86_64": 425, "aarch64": 425}[os.uname().machine]

def _call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    answer = libc.syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        parameters = ctypes.create_string_buffer(120)
        _call(IO_URING_SETUP, ctypes.c_uint(4), parameters)
        kit.hold("held")
    return kit.wheel(wheel_directory)
