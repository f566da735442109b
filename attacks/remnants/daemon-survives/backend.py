"""Starts a child in a session of its own, cut off from every pipe, and returns.

The front end sees a build that ended well. The child only sleeps. node-ipc went on in
such a child when the program that had loaded it was over.
"""

import subprocess
import sys

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("detach"):
        nothing = subprocess.DEVNULL
        subprocess.Popen(
            [sys.executable, "-c", f"import time; time.sleep({kit.seconds(30)})"],
            stdin=nothing, stdout=nothing, stderr=nothing,
            cwd="/", start_new_session=True,
        )
    return kit.wheel(wheel_directory)
