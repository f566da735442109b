"""Ignores every signal that can be ignored, and sleeps in a child's child.

A supervisor that asks politely, or that knows only its own child, never gets an answer.
"""

import os
import signal
import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("ignore"):
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
            signal.signal(number, signal.SIG_IGN)
        child = os.fork()
        if child == 0:
            os.setsid()
            time.sleep(kit.seconds(8))
            os._exit(0)
        os.waitpid(child, 0)
    return kit.wheel(wheel_directory)
