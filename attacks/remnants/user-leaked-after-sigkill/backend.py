"""Sleeps until its supervisor is killed, and a while longer.

Deleting the account was the supervisor's last duty, and it no longer comes to that.
"""

import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("asleep"):
        time.sleep(kit.seconds(8))
    return kit.wheel(wheel_directory)
