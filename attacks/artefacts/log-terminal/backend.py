"""Prints a sequence that sets the title of the terminal's window.

Other sequences paint over what was shown, or answer in the reader's name. Git passed on
what a server sent, sequences and all (CVE-2024-52005).
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("print"):
        print("\x1b]0;exhibit\x07", flush=True)
    return kit.wheel(wheel_directory)
