"""Asks a container engine for its version over its socket.

The next request of a real attacker would be a container with the host's root in it.
Shai-Hulud 2 started a privileged container through it, and edited the host from there.
"""

import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("ask-engine"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.settimeout(kit.seconds(3))
            engine.connect(kit.plant("engine").path)
            request = f"GET /version HTTP/1.0\r\nX-Exhibit: {kit.nonce}\r\n\r\n"
            engine.sendall(request.encode())
            loot["data.bin"] = engine.recv(4096)
    return kit.wheel(wheel_directory, loot)
