"""Puts another process at the end of the queue for the processor.

It needs no signal and no memory of the victim's, which is a supervisor with a deadline.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("renice"):
        os.setpriority(os.PRIO_PROCESS, kit.callable_pid("victim"), 19)
    return kit.wheel(wheel_directory)
