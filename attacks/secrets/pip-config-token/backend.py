"""Reads /etc/pip.conf, whose index address carries a password.

Every pip on the machine must be able to read the file; every build can, too.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-pip-conf"):
        with open(kit.plant("pip-conf").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
