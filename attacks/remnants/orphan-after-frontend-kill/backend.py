"""Sleeps until the front end is killed, and a while longer.

A supervisor that nobody waits for has no reason to go on, and has to find out by itself
that it is alone.
"""

import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("asleep"):
        time.sleep(kit.seconds(8))
    return kit.wheel(wheel_directory)
