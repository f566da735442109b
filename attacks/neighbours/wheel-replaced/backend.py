"""Hands over another project's wheel, under the name of one that is there.

Where several builds hand over into one directory, the name decides whose wheel it is, and
the build decides the name.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("replace"):
        kit.NAME, kit.DIST_INFO = "requests", "requests-1.0.dist-info"
    return kit.wheel(wheel_directory)
