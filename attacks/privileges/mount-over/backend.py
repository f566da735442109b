"""Mounts a tmpfs over a planted, empty directory.

Over a directory of certificates or tools it would hide the real ones from every process
of the host, and leave no trace in any file.
"""

import os

import calls
import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("mount"):
        place = os.fsencode(kit.plant("folder").path)
        mounted = calls.libc.mount(b"exhibit", place, b"tmpfs", 0, b"size=4k")
        calls.checked(mounted, "mount")
    return kit.wheel(wheel_directory)
