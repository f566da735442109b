"""Sends SIGSTOP to itself; a child sends SIGCONT long after the deadline.

A stopped process neither ends nor answers, and waiting for it has no end.
"""

import os
import signal
import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("stop"):
        child = os.fork()
        if child == 0:
            time.sleep(kit.seconds(8))
            os.kill(os.getppid(), signal.SIGCONT)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.waitpid(child, 0)
    return kit.wheel(wheel_directory)
