"""Builds an honest wheel: what runs with the caller's rights did so before this line.

The settings of a package may set variables for its build, and the wrapper gets them first.
A shell reads the file that BASH_ENV names before the first line of any script, and so the
wrapper does the bidding of the package that it is about to lock up.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.mark("behind-the-wrapper")
    return kit.wheel(wheel_directory)
