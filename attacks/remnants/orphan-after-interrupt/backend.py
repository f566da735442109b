"""Leaves a child that no polite signal ends, and waits for its supervisor's end.

Control-C reaches the whole foreground group; who is in a session of its own, and deaf
besides, is neither asked nor told.
"""

import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.deaf_child("asleep", 8)
    time.sleep(kit.seconds(8))
    return kit.wheel(wheel_directory)
