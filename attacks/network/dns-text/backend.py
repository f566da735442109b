"""Asks a name server of its own choice for a text record.

The machine's own resolver is not involved; the packet is put together here. node-ipc
asked for texts.
"""

import socket
import struct

import kit

TXT, IN = 16, 1


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("ask-text"):
        server = kit.plant("server")
        name = b""
        for label in f"{kit.nonce}.{server.domain}".encode().split(b"."):
            name += bytes([len(label)]) + label
        query = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack("!2H", TXT, IN)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.settimeout(kit.seconds(1))
            out.sendto(query, (server.address, server.port))
            kit.said("ask-text", len(out.recv(512)))
    return kit.wheel(wheel_directory)
