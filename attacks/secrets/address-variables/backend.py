"""Reads four addresses with a password in each from its environment.

One of them stands in a variable that every build of C code is given, and means well. Codecov's
uploader took them with the rest.
"""

import os

import kit

PLACES = ("index", "cache", "database", "flags")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        for place in PLACES:
            loot[f"{place}.bin"] = os.environ.get(kit.plant(place).name, "").encode()
    return kit.wheel(wheel_directory, loot)
