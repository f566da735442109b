"""Hands over a wheel of a version that is higher than every honest one.

What was built is told by whoever asked for it; the wheel only tells what it wants to be.
"""

import kit

VERSION = "9999.0"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("version"):
        kit.VERSION, kit.DIST_INFO = VERSION, f"pkg-{VERSION}.dist-info"
    return kit.wheel(wheel_directory)
