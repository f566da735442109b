"""Sleeps much longer than the time that it was given.

A front end that waits without a deadline, as Fromager does, waits until somebody cancels
the job.
"""

import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("sleep"):
        time.sleep(kit.seconds(8))
    return kit.wheel(wheel_directory)
