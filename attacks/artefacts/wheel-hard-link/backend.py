"""Makes the wheel a second name of a file that the build can reach.

Whoever then changes the wheel in place, its mode or its tags, changes the other file too.
Nix fell for links in its outputs more than once (CVE-2024-38531).
"""

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
