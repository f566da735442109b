"""Sleeps until the front end is killed, and a while longer."""

import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("asleep"):
        time.sleep(8)
    return kit.wheel(wheel_directory)
