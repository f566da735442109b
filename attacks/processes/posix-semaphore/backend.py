"""Maps the file of a named semaphore and sets its count to zero.

Whoever waits for it waits for ever. It is a file in /dev/shm, which the namespace for
shared memory does not cover.
"""

import mmap
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("take"):
        lock = os.open(kit.plant("lock").path, os.O_RDWR)
        with mmap.mmap(lock, 0) as memory:
            memory[:4] = bytes(4)
        os.close(lock)
    return kit.wheel(wheel_directory)
