"""Loads a filter of two instructions with bpf(2), and stands still with it.

It answers 0 and is attached to nothing. IronWorm hid its processes and files with larger ones.
"""

import ctypes
import struct

import calls
import kit

BPF = {"x86_64": 321, "aarch64": 280}
PROG_LOAD, TRACEPOINT = 5, 5
PROGRAM = struct.pack("=BBhi", 0xB7, 0, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        program, licence = ctypes.create_string_buffer(PROGRAM), ctypes.c_char_p(b"GPL")
        where = ctypes.addressof(program), ctypes.cast(licence, ctypes.c_void_p).value
        attributes = struct.pack("=IIQQ", TRACEPOINT, 2, *where).ljust(128, b"\0")
        calls.syscall(BPF, PROG_LOAD, attributes, len(attributes))
        kit.hold("held")
    return kit.wheel(wheel_directory)
