"""Prints bytes that are no UTF-8, at which a front end that decodes strictly ends.

The build has succeeded by then. What is lost is the rest of the log, or the whole batch
that the front end was working on.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("print"):
        os.write(1, b"exhibit \xff\xfe \xed\xa0\x80\n")
    return kit.wheel(wheel_directory)
