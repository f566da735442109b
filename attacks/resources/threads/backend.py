"""Starts two hundred threads that wait for one lock, and lets them go.

Threads count as processes for the kernel, per user, and a neighbour of the same uid can
start none when they are used up.
"""

import threading
import time

import kit

ENOUGH = 200


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    end = threading.Event()
    threading.stack_size(64 * 1024)
    with kit.attempt("start-threads"):
        try:
            for _ in range(ENOUGH):
                threading.Thread(target=end.wait, daemon=True).start()
            time.sleep(kit.seconds(0.5))
        finally:
            end.set()
    return kit.wheel(wheel_directory)
