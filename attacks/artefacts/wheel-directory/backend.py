"""Makes a directory in the place of the wheel.

A front end that moves it, opens it or takes its digest fails in a way that it did not
foresee.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("make-directory"):
        wheel = os.path.join(wheel_directory, name)
        os.unlink(wheel)
        os.mkdir(wheel)
    return name
