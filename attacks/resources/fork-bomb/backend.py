"""Forks two hundred children that do nothing, and ends them all after a moment.

litellm 1.82.8 did it by accident, which is how it was noticed.
"""

import os
import signal
import time

import kit

ENOUGH = 200


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    children = []
    with kit.attempt("fork"):
        while len(children) < ENOUGH:
            child = os.fork()
            if child == 0:
                time.sleep(kit.seconds(10))
                os._exit(0)
            children.append(child)
        time.sleep(kit.seconds(0.5))
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return kit.wheel(wheel_directory)
