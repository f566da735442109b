"""Reads a file beside the interpreter that a virtual environment's settings name.

The settings were written by whatever was installed into the environment before. They are a
stranger's word, and no reason to show a build anything.
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
