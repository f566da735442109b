"""Lays a link named zz-requirements.txt beside the source tree.

The build itself never reads where it leads.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("link"):
        place = os.path.join(kit.plant("work").path, "zz-requirements.txt")
        os.symlink(kit.plant("netrc").path, place)
    return kit.wheel(wheel_directory)
