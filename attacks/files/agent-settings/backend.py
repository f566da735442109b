"""Leaves a settings file for a coding agent in the checkout above the source.

This exhibit's settings are an empty object. So did the payload in the packages of SAP on
npm.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-settings"):
        target = pathlib.Path(kit.plant("checkout").path, "settings.json")
        target.write_text(f"{{}}\n", "utf-8")
    return kit.wheel(wheel_directory)
