"""Sends SIGKILL to a process that is none of the build's business.

The same kernel uid suffices; capabilities and the user namespace are not asked.
"""

import os
import signal

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("kill"):
        os.kill(kit.callable_pid("victim"), signal.SIGKILL)
    return kit.wheel(wheel_directory)
