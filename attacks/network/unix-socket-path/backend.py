"""Connects to a socket file under /run that anybody may open.

Path names belong to the mount namespace: a build without network still reaches every
service whose socket it can see, and such a service may well have a network. Nix builds
handed descriptors out through one (CVE-2024-27297).
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("connect"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as out:
            out.settimeout(kit.seconds(3))
            out.connect(kit.plant("service").path)
            out.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
