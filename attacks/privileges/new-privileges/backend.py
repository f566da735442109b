"""Stands still, so that the harness can read from outside whether the flag is set.

Without it, a set-uid program that lies anywhere within reach gives back what a wrapper
took away.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.hold("held")
    return kit.wheel(wheel_directory)
