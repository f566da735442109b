"""Reads the file in which container tools keep the login to their registry.

It lies outside every home, so emptying HOME does not hide it. The payload that came with
trivy-action collected it.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-login"):
        loot["data.bin"] = pathlib.Path(kit.plant("login").path).read_bytes()
    return kit.wheel(wheel_directory, loot)
