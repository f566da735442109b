"""Prints a sequence that sets the title of the terminal's window."""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("print"):
        print("\x1b]0;exhibit\x07", flush=True)
    return kit.wheel(wheel_directory)
