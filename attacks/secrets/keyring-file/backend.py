"""Reads the plain file in which a keyring without a desktop keeps its passwords.

It is what headless machines fall back to. node-ipc's payload looked for such stores.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-keyring"):
        loot["data.bin"] = pathlib.Path(kit.plant("store").path).read_bytes()
    return kit.wheel(wheel_directory, loot)
