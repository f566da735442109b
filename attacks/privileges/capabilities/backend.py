"""Stands still, so that the harness can read from outside which capabilities it has.

Capabilities in a namespace of its own are real ones for all that the namespace owns, and
open calls of the kernel that nobody else may make.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.hold("held")
    return kit.wheel(wheel_directory)
