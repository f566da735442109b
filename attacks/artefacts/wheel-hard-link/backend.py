"""Makes the wheel a second name of a file that the build can reach."""

import os
import shutil

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("link"):
        wheel = os.path.join(wheel_directory, name)
        os.unlink(wheel)
        shutil.copyfile("backend.py", wheel + ".other")
        os.link(wheel + ".other", wheel)
    return name
