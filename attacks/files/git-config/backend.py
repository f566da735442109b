"""Appends to the caller's ~/.gitconfig.

A line such as core.fsmonitor names a program that Git starts by itself. This exhibit is
a comment.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-gitconfig"):
        with open(kit.plant("gitconfig").path, "a", encoding="utf-8") as file:
            file.write(f"\n# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
