"""Opens a counter of its own running time, and stands still with it.

Counters measure what the machine does, which tells of neighbours, and the call behind
them is among the largest of the kernel.
"""

import ctypes
import struct

import calls
import kit

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
SOFTWARE, CPU_CLOCK, SIZE, EXCLUDE_KERNEL = 1, 0, 112, 1 << 5


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        # struct perf_event_attr: type, size, config, two fields of zeros, then the flags
        attributes = ctypes.create_string_buffer(SIZE)
        attributes[:16] = struct.pack("=IIQ", SOFTWARE, SIZE, CPU_CLOCK)
        attributes[40:48] = struct.pack("=Q", EXCLUDE_KERNEL)
        calls.syscall(PERF_EVENT_OPEN, attributes, 0, -1, -1, 0)
        kit.hold("held")
    return kit.wheel(wheel_directory)
