"""Leaves a large file in the output directory and names only the wheel.

What is left beside the wheel fills the disk of all builds, and is copied by whoever
copies the directory.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("fill"):
        with open(os.path.join(wheel_directory, "debug.log"), "wb") as file:
            for _ in range(64):
                file.write(b"x" * (1 << 20))
    return kit.wheel(wheel_directory)
