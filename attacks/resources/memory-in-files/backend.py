"""Writes 400 MiB into an anonymous file in memory.

They are no process's memory, so limits of a process do not count them; a control group
does.
"""

import os
import time

import kit

PIECE, PIECES = 16 << 20, 25


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("fill"):
        file = os.memfd_create("exhibit")
        for _ in range(PIECES):
            os.write(file, b"x" * PIECE)
        time.sleep(kit.seconds(0.5))
        os.close(file)
    return kit.wheel(wheel_directory)
