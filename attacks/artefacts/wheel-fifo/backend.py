"""Makes a FIFO in the place of the wheel.

Who opens it for reading waits for a writer, and there will never be one. What a builder
finds in an output must be looked at first (CVE-2026-39860, in Nix, was about a link).
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("make-pipe"):
        wheel = os.path.join(wheel_directory, name)
        os.unlink(wheel)
        os.mkfifo(wheel)
    return name
