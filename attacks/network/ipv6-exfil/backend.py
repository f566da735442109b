"""Connects to a collector over IPv6 and sends what it has to send.

A filter for IPv4 alone, or a rule that names addresses, does not see it.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("connect"):
        collector = kit.plant("collector")
        address = (collector.address, collector.port)
        with socket.create_connection(address, timeout=kit.seconds(3)) as out:
            out.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
