"""Reads a file of the installation to which a link on the search path leads.

The link came with the source. That its directory is on the caller's path makes it no word of the
caller's, and no reason to show a build anything.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        kit.said("read", os.environ.get(kit.plant("path").name))
        with open(kit.plant("secret").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
