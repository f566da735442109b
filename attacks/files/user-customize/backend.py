"""Leaves a usercustomize among the packages of the caller.

MrMustard had three ways to come back; this one needs no right but to write in a home.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write"):
        place = pathlib.Path(kit.plant("place").path)
        place.joinpath("usercustomize.py").write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
