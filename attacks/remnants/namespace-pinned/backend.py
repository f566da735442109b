"""Pins a namespace to a file, so that it stays when every process in it has ended.

A namespace ends with its last process, unless a file is bound to it. Whatever was set up
in this one, a network of its own for instance, waits there for whoever opens the file.
"""

import os

import calls
import kit

CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("pin"):
        calls.checked(calls.libc.unshare(CLONE_NEWNET), "unshare")
        namespace, pin = b"/proc/thread-self/ns/net", os.fsencode(kit.plant("pin").path)
        calls.checked(calls.libc.mount(namespace, pin, None, MS_BIND, None), "mount")
    return kit.wheel(wheel_directory)
