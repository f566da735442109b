"""Empties the log of a build that ran before."""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("truncate"):
        os.truncate(kit.plant("log").path, 0)
    return kit.wheel(wheel_directory)
