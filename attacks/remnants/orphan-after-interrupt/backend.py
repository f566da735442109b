"""Leaves a child that no polite signal ends, and waits for its supervisor's end."""

import os
import signal
import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if os.fork() == 0:
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        os.setsid()
        with kit.attempt("asleep"):
            time.sleep(8)
        os._exit(0)
    time.sleep(8)
    return kit.wheel(wheel_directory)
