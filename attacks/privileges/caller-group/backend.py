"""Stands still, so that the harness can read from outside in which groups it is."""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.hold("held")
    return kit.wheel(wheel_directory)
