"""Tries to enter the network namespace behind every inherited descriptor, and sends from there."""

import ctypes
import socket

import kit

CLONE_NEWNET = 0x40000000


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("enter"):
        libc = ctypes.CDLL(None, use_errno=True)
        entered = [number for number in range(3, 256) if libc.setns(number, CLONE_NEWNET) == 0]
        if not entered:
            raise OSError(ctypes.get_errno(), "setns")
        collector = kit.plant("collector")
        with socket.create_connection((collector.address, collector.port), timeout=3) as out:
            out.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
