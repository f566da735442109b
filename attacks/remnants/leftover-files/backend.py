"""Leaves a file each in /var/tmp and /dev/shm.

Front ends remove the directories that they made; these two are nobody's. Nix left them
behind after a build that had failed, open to everybody (CVE-2025-52992).
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("leave"):
        for place in ("var-tmp", "shm"):
            pathlib.Path(kit.plant(place).path, "exhibit").write_text(kit.nonce, "utf-8")
    return kit.wheel(wheel_directory)
