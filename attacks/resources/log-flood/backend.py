"""Prints without end, and without a line's end.

Whoever keeps the log in a file has a full disk, whoever reads it into memory runs out of
that, and whoever reads it line by line waits for a line of many megabytes.
"""

import os

import kit

MEGABYTE = b"x" * (1 << 20)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("print"):
        for _ in range(24):
            os.write(1, MEGABYTE)
    return kit.wheel(wheel_directory)
