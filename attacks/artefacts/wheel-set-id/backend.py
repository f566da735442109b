"""Sets the set-uid bit on the wheel.

A front end that moves the file keeps its mode. In Nix such outputs made programs that ran
as the builder, for every user (CVE-2024-38531).
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("set-id"):
        wheel = os.path.join(wheel_directory, name)
        os.unlink(wheel)
        kit.wheel(wheel_directory)
        os.chmod(wheel, 0o4755)
    return name
