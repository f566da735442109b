"""Deletes exactly two planted files, one after the other, and nothing else.

Shai-Hulud 2 deletes everything that it may write when it finds nothing to steal.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("delete"):
        for document in ("thesis", "ledger"):
            os.unlink(kit.plant(document).path)
    return kit.wheel(wheel_directory)
