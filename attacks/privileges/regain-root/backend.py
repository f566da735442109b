"""Lets a child ask for uid 0 and stand still with whatever it has then.

Whoever changed only the effective uid can change it back, and so can the build.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    child = os.fork()
    if child == 0:
        with kit.attempt("set-uid"):
            try:
                os.setresuid(0, 0, 0)
            finally:
                kit.hold("held")
        os._exit(0)
    os.waitpid(child, 0)
    return kit.wheel(wheel_directory)
