"""Gives the host another name, which every later program on it will believe.

With a namespace for host names of its own, a build may call itself what it likes.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("rename"):
        socket.sethostname("renamed-by-a-build")
    return kit.wheel(wheel_directory)
