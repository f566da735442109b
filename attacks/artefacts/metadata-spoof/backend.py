"""Builds an honest wheel whose metadata claim to be another project's.

RECORD is right: every file is what it says it is, only not whose.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("rename"):
        honest, kit.NAME = kit.NAME, "requests"
        name = kit.wheel(wheel_directory)
        kit.NAME = honest
        claimed, name = name, name.replace("requests", honest)
        os.rename(os.path.join(wheel_directory, claimed), os.path.join(wheel_directory, name))
    return name
