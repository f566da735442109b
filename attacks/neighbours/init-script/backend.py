"""Leaves an initialization script for the builds of another tool.

They run in every project, and belong to none.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write"):
        place = pathlib.Path(kit.plant("place").path)
        place.joinpath("exhibit.init.gradle").write_text(f"// exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
