"""Empties the log of a build that ran before.

The evidence is gone before anybody reads it, and the new log says what it likes.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("truncate"):
        os.truncate(kit.plant("log").path, 0)
    return kit.wheel(wheel_directory)
