"""Appends a line to the file of commands that Vim runs at its start.

This exhibit appends a comment.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-vimrc"):
        with open(kit.plant("vimrc").path, "a", encoding="utf-8") as target:
            target.write(f"\" exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
