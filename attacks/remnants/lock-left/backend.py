"""Writes a lock file for a process that is about to end."""

import os
import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("lock"):
        lock = pathlib.Path(kit.plant("locks").path, "release.lock")
        lock.write_text(f"{os.getpid()} {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
