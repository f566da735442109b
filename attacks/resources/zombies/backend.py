"""Forks children that end at once and does not ask how, until it has two hundred.

Each keeps its number and its place in the table until its parent asks. A sandbox whose
first process does not, fills up.
"""

import os
import time

import kit

ENOUGH = 200


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("fork"):
        for _ in range(ENOUGH):
            if os.fork() == 0:
                os._exit(0)
        time.sleep(kit.seconds(0.5))
    return kit.wheel(wheel_directory)
