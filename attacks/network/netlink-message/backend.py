"""Sends a message to a process that listens on NETLINK_USERSOCK.

It is a network of its own within the kernel, and no firewall rule applies to it.
"""

import socket

import kit

USERSOCK = 2


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("send"):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, USERSOCK) as out:
            out.sendto(f"{kit.nonce}\n".encode(), (kit.plant("listener").port, 0))
    return kit.wheel(wheel_directory)
