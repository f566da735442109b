"""Makes a map of one element with bpf(2), and stands still with it.

Programs for the kernel need maps, and a machine that lets everybody make them lets
everybody talk to the kernel's verifier, in which bugs gave away the whole machine.
"""

import struct

import calls
import kit

BPF = {"x86_64": 321, "aarch64": 280}
MAP_CREATE, ARRAY = 0, 2


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("call"):
        attributes = struct.pack("=IIII", ARRAY, 4, 4, 1).ljust(72, b"\0")
        calls.syscall(BPF, MAP_CREATE, attributes, len(attributes))
        kit.hold("held")
    return kit.wheel(wheel_directory)
