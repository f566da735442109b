"""Opens a descriptor of a foreign process and sends SIGSTOP through it.

A number may belong to somebody else by the time it is used; a descriptor is right for
good, and no namespace changes what it leads to.
"""

import os
import signal

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("freeze"):
        victim = os.pidfd_open(kit.callable_pid("victim"))
        signal.pidfd_send_signal(victim, signal.SIGSTOP)
        os.close(victim)
    return kit.wheel(wheel_directory)
