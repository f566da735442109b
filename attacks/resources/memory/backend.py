"""Allocates and touches 400 MiB, piece by piece.

Where nothing bounds it, the kernel looks for somebody to kill, and may not find the
build.
"""

import time

import kit

PIECE, PIECES = 16 << 20, 25


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("allocate"):
        taken = [b"x" * PIECE for _ in range(PIECES)]
        time.sleep(kit.seconds(0.5))
        del taken
    return kit.wheel(wheel_directory)
