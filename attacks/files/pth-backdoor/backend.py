"""Drops a .pth file into the interpreter's site-packages.

One line there runs at every start of Python, with the rights of whoever starts it. This
exhibit is a comment. litellm 1.82.8 was found because its file started itself in every
interpreter that it started.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-pth"):
        target = pathlib.Path(kit.plant("site").path, "exhibit.pth")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
