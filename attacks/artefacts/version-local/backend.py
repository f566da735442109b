"""Hands over its own release with a local part in its version.

`pkg==1.0` takes it, and takes it before 1.0.
"""

import kit

VERSION = "1.0+exhibit"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("version"):
        kit.VERSION, kit.DIST_INFO = VERSION, f"pkg-{VERSION}.dist-info"
    return kit.wheel(wheel_directory)
