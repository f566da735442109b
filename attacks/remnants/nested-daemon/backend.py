"""Starts a sleeping child in a new process namespace, and returns."""

import ctypes
import os
import time

import kit

CLONE_NEWPID, CLONE_NEWUSER = 0x20000000, 0x10000000


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("detach"):
        libc = ctypes.CDLL(None, use_errno=True)
        middle = os.fork()
        if middle == 0:
            # One who may not make a process namespace may still make both at once.
            if libc.unshare(CLONE_NEWPID) != 0 and libc.unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0:
                os._exit(1)
            if os.fork() == 0:
                os.setsid()
                for descriptor in range(3):
                    os.close(descriptor)
                time.sleep(20)
            os._exit(0)
        os.waitpid(middle, 0)
    return kit.wheel(wheel_directory)
