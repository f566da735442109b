"""Attaches to another process with ptrace(2) and overwrites a word in its memory.

The kernel refuses another uid, another user namespace's capabilities, a number from
outside the process namespace; one refusal is enough.
"""

import ctypes
import os

import kit

POKEDATA, ATTACH, DETACH = 5, 16, 17
WORD = int.from_bytes(b"tampered", "little")


def _ptrace(request, pid, address=0, data=0):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    if libc.ptrace(request, pid, address, data) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("attach"):
        victim = kit.callable_pid("victim")
        _ptrace(ATTACH, victim)
        os.waitpid(victim, 0)
        for address, _ in list(kit.search_memory(victim, b"balance=")):
            _ptrace(POKEDATA, victim, address + len("balance="), WORD)
        _ptrace(DETACH, victim)
    return kit.wheel(wheel_directory)
