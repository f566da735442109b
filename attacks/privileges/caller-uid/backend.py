"""Stands still, so that the harness can read from outside which uid the kernel knows it by.

Who is root within a namespace of their own may still be root outside, and only the
kernel's view counts for files that root alone may read.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.hold("held")
    return kit.wheel(wheel_directory)
