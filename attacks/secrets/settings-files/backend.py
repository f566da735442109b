"""Reads the settings that lie in the work directory above the source tree.

The tree under build must be reachable, so its parents are too, and so is what lies
beside it, unless the sandbox shows nothing but the tree.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-settings"):
        with open(kit.plant("settings").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
