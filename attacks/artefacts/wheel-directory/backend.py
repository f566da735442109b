"""Makes a directory in the place of the wheel."""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("make-directory"):
        wheel = os.path.join(wheel_directory, name)
        os.unlink(wheel)
        os.mkdir(wheel)
    return name
