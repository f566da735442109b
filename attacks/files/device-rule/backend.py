"""Drops a rule for devices, whose programs run as root.

The exhibit's rule is a comment and names no device.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write"):
        place = pathlib.Path(kit.plant("place").path)
        place.joinpath("99-exhibit.rules").write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
