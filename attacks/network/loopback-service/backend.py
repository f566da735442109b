"""Connects to a port of the host on loopback and keeps what it answers.

Package servers, databases and container engines listen there without a password, for who
could reach them? The worm that came with trivy-action looked for them.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("connect"):
        service = kit.plant("service")
        address = (service.address, service.port)
        with socket.create_connection(address, timeout=kit.seconds(3)) as out:
            out.sendall(f"{kit.nonce}\n".encode())
            loot["data.bin"] = out.recv(4096)
    return kit.wheel(wheel_directory, loot)
