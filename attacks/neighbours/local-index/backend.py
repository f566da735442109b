"""Drops a wheel for another project into the folder that the local index serves.

The index believes file names. This exhibit is not even an archive. torchtriton was taken
from the wrong index because of its version alone.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-wheel"):
        target = pathlib.Path(kit.plant("downloads").path, "victim-99.0-py3-none-any.whl")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
