"""Reads a .netrc with mode 0644 outside the caller's home.

An ephemeral build user may read it like anybody else. What is not to be read must not
be there.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-netrc"):
        with open(kit.plant("netrc").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
