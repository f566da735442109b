"""Makes a map of one element with bpf(2), and stands still with it."""

import ctypes
import os
import struct

import kit

BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
MAP_CREATE, ARRAY = 0, 2

def _call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    answer = libc.syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        attributes = struct.pack("=IIII", ARRAY, 4, 4, 1).ljust(72, b"\0")
        _call(BPF, ctypes.c_int(MAP_CREATE), attributes, ctypes.c_uint(len(attributes)))
        kit.hold("held")
    return kit.wheel(wheel_directory)
