"""Reads a copy of /etc/shadow that a backup job left behind.

Only root may read it. That is the point: the build runs as root, unless somebody took
the uid away from it.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-shadow"):
        with open(kit.plant("shadow").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
