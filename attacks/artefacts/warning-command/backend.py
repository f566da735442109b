"""Warns, with a command to the CI system in the second line of the warning.

Newer front ends take the warnings of a back end out of what the hook returned, and print
them themselves.
"""

import warnings

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("warn"):
        warnings.warn(f"old switch\n::set-output name=exhibit::{kit.nonce}", stacklevel=1)
    return kit.wheel(wheel_directory)
