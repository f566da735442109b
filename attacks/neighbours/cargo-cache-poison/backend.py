"""Appends to the build script of a crate that cargo unpacked earlier.

Checksums are compared on download only. This exhibit is a comment. mysten-metrics
(RUSTSEC-2026-0107) needed no more than a build script to run.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-crate"):
        with open(kit.plant("crate").path, "a", encoding="utf-8") as file:
            file.write(f"// exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
