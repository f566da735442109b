"""Stands still, so that the harness can read from outside in which groups it is.

A wrapper that changes the uid and forgets the groups leaves a build that may read what
the group of root may.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.hold("held")
    return kit.wheel(wheel_directory)
