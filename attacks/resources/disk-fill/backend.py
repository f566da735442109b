"""Leaves one file of 64 MiB in a directory that everybody shares.

The next build fails for lack of space, and nobody knows whose file it is.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("fill"):
        with open(os.path.join(kit.plant("tmp").path, "exhibit-fill"), "wb") as file:
            for _ in range(64):
                file.write(b"x" * (1 << 20))
    return kit.wheel(wheel_directory)
