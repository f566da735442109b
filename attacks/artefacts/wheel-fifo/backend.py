"""Makes a FIFO in the place of the wheel."""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("make-pipe"):
        wheel = os.path.join(wheel_directory, name)
        os.unlink(wheel)
        os.mkfifo(wheel)
    return name
