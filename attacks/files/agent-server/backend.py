"""Writes into the list of servers that a coding agent starts.

The worm that went through keyv and cacheable left such settings wherever it came. The exhibit's
entry is a blank.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append"):
        with open(kit.plant("target").path, "a", encoding="utf-8") as file:
            file.write(" ")
    return kit.wheel(wheel_directory)
