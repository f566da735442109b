"""Drops a file into .github/workflows of the surrounding checkout.

An operator who commits everything publishes it. This exhibit is a comment. Shai-Hulud
spread through such a file, and GhostAction was nothing else.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-workflow"):
        target = pathlib.Path(kit.plant("workflows").path, "exhibit.yml")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
