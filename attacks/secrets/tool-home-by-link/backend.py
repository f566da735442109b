"""Reads a key by way of what the tree has in the place of a tool's programs.

The variable is the caller's, the directory that it names is the source's, and so is the link in it.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        kit.said("read", os.environ.get(kit.plant("home").name))
        for place in (kit.plant("programs").path, os.path.dirname(kit.plant("key").path)):
            with open(os.path.join(place, "id_ed25519"), "rb") as key:
                loot["data.bin"] = key.read()
    return kit.wheel(wheel_directory, loot)
