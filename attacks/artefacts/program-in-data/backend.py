"""Lays a program called git into the environment's directory of programs.

Neither an entry point nor a script: plain data, unpacked to `bin/git`.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more["pkg-1.0.data/data/bin/git"] = f"#!/bin/sh\n: exhibit {kit.nonce}\n".encode()
    return kit.wheel(wheel_directory, more=more)
