"""Connects to a socket with an abstract name, which starts with a NUL byte.

No path means no permission check. Only the network namespace separates these names, or a
rule of Landlock's that keeps them within the sandbox. containerd listened on one, and
every container in the host's network could reach it (CVE-2020-15257).
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("connect"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as out:
            out.settimeout(kit.seconds(3))
            out.connect("\0" + kit.plant("service").name)
            out.sendall(f"{kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
