"""Appends to the finished wheel of a build that ran before.

A digest that was taken before says nothing any more. In Nix, an accomplice with an open
descriptor changed a finished output (CVE-2024-27297).
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("patch"):
        for wheel in pathlib.Path(kit.second.output).glob("*.whl"):
            with open(wheel, "ab") as archive:
                archive.write(b"\n")
    return kit.wheel(wheel_directory)
