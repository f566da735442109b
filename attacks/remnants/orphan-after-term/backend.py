"""Leaves a child that no polite signal ends, and waits for its supervisor's end.

A CI system that cancels a job asks politely first. A supervisor that only passes the
request on has to hope that everybody below it listens.
"""

import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.deaf_child("asleep", 8)
    time.sleep(kit.seconds(8))
    return kit.wheel(wheel_directory)
