"""Writes a second wheel, named like another project, into the output directory.

A front end that takes whatever new wheel it finds publishes this one. The W4SP packages
hid under the names of others as well.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-second"):
        other = pathlib.Path(wheel_directory, "requests-99.0-py3-none-any.whl")
        other.write_bytes(f"exhibit {kit.nonce}\n".encode())
    return kit.wheel(wheel_directory)
