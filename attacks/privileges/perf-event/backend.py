"""Opens a counter of its own running time, and stands still with it."""

import ctypes
import os
import struct

import kit

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}[os.uname().machine]
SOFTWARE, CPU_CLOCK, SIZE, EXCLUDE_KERNEL = 1, 0, 112, 1 << 5

def _call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    answer = libc.syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        # struct perf_event_attr: type, size, config, two fields of zeros, then the flags
        attributes = ctypes.create_string_buffer(SIZE)
        attributes[:16] = struct.pack("=IIQ", SOFTWARE, SIZE, CPU_CLOCK)
        attributes[40:48] = struct.pack("=Q", EXCLUDE_KERNEL)
        _call(PERF_EVENT_OPEN, attributes, 0, ctypes.c_long(-1), ctypes.c_long(-1), ctypes.c_long(0))
        kit.hold("held")
    return kit.wheel(wheel_directory)
