"""Reads a file from the source tree of another package.

Trees are unpacked with the modes of the archive, 0644 mostly; nothing guards them from
the build next door.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-source"):
        with open(kit.plant("source").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
