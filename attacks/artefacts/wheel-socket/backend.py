"""Binds a socket in the place of the wheel.

Reading it fails, copying it makes another, and walking over a directory with one
surprises many a tool.
"""

import os
import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("bind"):
        wheel = os.path.join(wheel_directory, name)
        os.unlink(wheel)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        os.chdir(wheel_directory)  # the path of a socket must be short
        door.bind(name)
    return name
