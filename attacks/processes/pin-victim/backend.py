"""Pins another process to a single processor.

There it can be starved by keeping that one busy, which no limit forbids.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("pin"):
        os.sched_setaffinity(kit.callable_pid("victim"), {min(os.sched_getaffinity(0))})
    return kit.wheel(wheel_directory)
