"""Puts a FIFO in the place of the hook's answer when the interpreter is about to exit.

The front end opens the file as soon as the process has ended, and waits for a writer. The hook's own
time limit is over by then, and that of the front end, if it has one, is for the hook.
"""

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
