"""Prints a line that GitHub's runner takes for a command.

The log is a channel into the job: such lines set variables of later steps until that was
taken away (CVE-2020-15228).
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("print"):
        print(f"::set-output name=exhibit::{kit.nonce}", flush=True)
    return kit.wheel(wheel_directory)
