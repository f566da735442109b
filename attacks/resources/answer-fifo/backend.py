"""Puts a FIFO in the place of output.json when the interpreter is about to exit."""

import atexit
import os
import sys

import kit


def swap():
    with kit.attempt("swap"):
        answer = os.path.join(sys.argv[-1], "output.json")
        os.unlink(answer)
        os.mkfifo(answer)


def get_requires_for_build_wheel(config_settings=None):
    atexit.register(swap)
    return []
