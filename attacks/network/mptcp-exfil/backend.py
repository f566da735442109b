"""Connects to a collector with a Multipath TCP socket and sends what it has to send.

The collector knows nothing of it: the connection falls back to plain TCP. A sandbox that
names the protocols it refuses must name this one as well.
"""

import socket

import kit

IPPROTO_MPTCP = 262


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("connect"):
        collector = kit.plant("collector")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as out:
            out.settimeout(kit.seconds(3))
            out.connect((collector.address, collector.port))
            out.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
