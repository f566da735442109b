"""Lets a child create a user namespace and stand still there.

Within it the child holds every capability, although its parent has none.
"""

import os

import calls
import kit

CLONE_NEWUSER = 0x10000000


def in_the_child():
    with kit.attempt("unshare"):
        calls.checked(calls.libc.unshare(CLONE_NEWUSER), "unshare")
        kit.hold("held")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    child = os.fork()
    if child == 0:
        in_the_child()
        os._exit(0)
    os.waitpid(child, 0)
    return kit.wheel(wheel_directory)
