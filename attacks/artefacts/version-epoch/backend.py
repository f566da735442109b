"""Hands over its own release under a version with an epoch.

To the eye it is the same version; to an installer it is newer than all that will ever come.
"""

import kit

VERSION = "1!1.0"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("version"):
        kit.VERSION, kit.DIST_INFO = VERSION, f"pkg-{VERSION}.dist-info"
    return kit.wheel(wheel_directory)
