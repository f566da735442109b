"""Starts a sleeping child in a new process namespace, and returns.

To whoever kills by number or by session the child is not there. node-ipc and the payload
of axios left such processes behind, to go on when the installation was over.
"""

import os
import time

import calls
import kit

CLONE_NEWPID, CLONE_NEWUSER = 0x20000000, 0x10000000


def in_the_middle():
    unshare = calls.libc.unshare
    # One who may not make a process namespace may still make both at once.
    if unshare(CLONE_NEWPID) != 0 and unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0:
        os._exit(1)
    if os.fork() == 0:
        os.setsid()
        for descriptor in range(3):
            os.close(descriptor)
        time.sleep(kit.seconds(20))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("detach"):
        middle = os.fork()
        if middle == 0:
            in_the_middle()
            os._exit(0)
        os.waitpid(middle, 0)
    return kit.wheel(wheel_directory)
