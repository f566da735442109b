"""Adds a second module under the name of the first.

A reader that takes the first and an installer that takes the last see two different
wheels; uv and pip did (CVE-2025-54368).
"""

import os
import warnings
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("write-member"):
        with zipfile.ZipFile(os.path.join(wheel_directory, name), "a") as archive:
            warnings.simplefilter("ignore")
            archive.writestr("pkg/__init__.py", f"# exhibit {kit.nonce}\n")
    return name
