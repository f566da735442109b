"""Returns while a child still holds standard output, and would write to it later.

A front end that reads until the end of the output waits for the child, hours after the
build; the author of the proof of concept did.
"""

import os
import time

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("leave-child"):
        if os.fork() == 0:
            os.setsid()
            time.sleep(kit.seconds(5))
            print("a line of the build before, in the log of the one after it", flush=True)
            os._exit(0)
    return kit.wheel(wheel_directory)
