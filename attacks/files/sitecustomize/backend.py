"""Drops a module that Python imports by itself at every start.

Nothing refers to it and nothing lists it. This exhibit is a comment.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-module"):
        target = pathlib.Path(kit.plant("site").path, "sitecustomize.py")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
