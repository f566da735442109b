"""Sleeps until its supervisor is killed, and a while longer.

No trap, handler or destructor runs on SIGKILL: what ends the build then must be the
kernel's doing.
"""

import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("asleep"):
        time.sleep(kit.seconds(8))
    return kit.wheel(wheel_directory)
