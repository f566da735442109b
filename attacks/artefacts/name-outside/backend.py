"""Writes an honest wheel one directory further up and returns the way to it.

Joined to the output directory, it leads out of it: to a wheel that somebody else made, or
to one that the index already serves.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("return"):
        name = os.path.join("..", os.path.basename(wheel_directory), name)
    return name
