"""Appends to a program that others run.

The planted program is a comment, and what is appended is another.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("overwrite"):
        with open(kit.plant("program").path, "a", encoding="utf-8") as target:
            target.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
