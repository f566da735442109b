"""Asks the kernel for the host's name and puts it into the wheel.

torchtriton wanted it too: it says whose machine this is, and what it is for.
"""

import os
import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("ask"):
        loot["host.txt"] = f"{socket.gethostname()} {os.uname().nodename}".encode()
    return kit.wheel(wheel_directory, loot)
