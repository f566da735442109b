"""Drops a file into the folder from which sudo reads its rules.

This exhibit is a comment. Shai-Hulud 2 gave itself root in this way, through a container
with the host's /etc.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-rule"):
        target = pathlib.Path(kit.plant("rules").path, "builder")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
