"""Writes the file from which the front end will take the requirements of a later phase.

This exhibit requires nothing.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-requirements"):
        target = pathlib.Path(kit.plant("work").path, "build-backend-requirements.txt")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
