"""Drops a file where apt reads commands from.

Whatever stands in it runs as root at the next update. The exhibit is a comment.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write"):
        place = pathlib.Path(kit.plant("place").path)
        place.joinpath("99exhibit").write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
