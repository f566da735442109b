"""Drops a file into the directory that cron reads.

One line there would run for ever, as root. This exhibit is a comment.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-cron"):
        target = pathlib.Path(kit.plant("cron").path, "exhibit")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
