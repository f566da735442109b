"""Builds an honest wheel: what runs with the caller's rights did so before this line.

A dependency of the build has brought a program named setpriv into the environment, whose
directory comes first on PATH. A wrapper that looks up its tools by name starts that one, as
the caller and outside of everything, in the belief that it is about to give up rights.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.mark("behind-the-wrapper")
    return kit.wheel(wheel_directory)
