"""Writes into the settings of the container engine, which may name a helper.

The exhibit's change is a blank behind the last bracket.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append"):
        with open(kit.plant("target").path, "a", encoding="utf-8") as file:
            file.write(" ")
    return kit.wheel(wheel_directory)
