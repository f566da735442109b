"""Appends a line to the instructions that coding agents read.

TrapDoor hid whole instructions in characters without width; the exhibit has one of these and
no instruction.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append"):
        with open(kit.plant("target").path, "a", encoding="utf-8") as file:
            file.write(f"<!-- exhibit {kit.nonce} \u200b -->\n")
    return kit.wheel(wheel_directory)
