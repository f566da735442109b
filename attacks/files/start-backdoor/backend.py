"""Drops a .start file into the interpreter's site-packages.

A line there would name a function to be called at every start of Python. This exhibit is
a comment, which PEP 829 has the interpreter skip.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-start"):
        target = pathlib.Path(kit.plant("site").path, "exhibit.start")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
