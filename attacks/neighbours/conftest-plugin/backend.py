"""Drops a module that pytest imports by itself when the tests run here.

This exhibit is a comment.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-plugin"):
        target = pathlib.Path(kit.plant("work").path, "conftest.py")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
