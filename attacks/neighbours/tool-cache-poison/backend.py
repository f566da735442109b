"""Appends to a program that later steps of the same job run.

Runners keep such programs in a directory that the job may write to. What the release step
of Ultralytics ran came out of a cache as well.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("patch-tool"):
        with open(kit.plant("entry").path, "a", encoding="utf-8") as target:
            target.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
