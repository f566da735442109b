"""Leaves the start script of a self-hosted runner in the caller's home.

Shai-Hulud 2 registered the machines that it came to, in a directory of this name, and gave its
commands as discussions of a repository.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write"):
        place = pathlib.Path(kit.plant("place").path)
        place.joinpath("run.sh").write_text(f"#!/bin/sh\n: exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
