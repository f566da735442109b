"""Drops an entry into a compiler cache that all builds share.

The cache believes its own files. This exhibit has no digest that any source could have.
Ultralytics was poisoned through what its jobs had cached.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-cache"):
        target = pathlib.Path(kit.plant("cache").path, "exhibitR")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
