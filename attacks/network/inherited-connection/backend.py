"""Writes to every inherited descriptor that turns out to be a connected socket.

Nothing is connected, so nothing that forbids connections notices. runc leaked a directory
in the same way (CVE-2024-21626).
"""

import contextlib
import os
import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("send"):
        for descriptor in range(3, 256):
            with contextlib.suppress(OSError):  # closed, or no connected socket
                with socket.socket(fileno=os.dup(descriptor)) as found:
                    found.getpeername()
                    found.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
