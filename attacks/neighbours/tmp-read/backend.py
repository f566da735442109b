"""Reads a temporary file of another build.

The directory is shared by design; the sticky bit keeps others from deleting, not from
reading.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-leftover"):
        with open(kit.plant("leftover").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
