"""Adds a module of which RECORD knows nothing."""

import os
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("write-member"):
        with zipfile.ZipFile(os.path.join(wheel_directory, name), "a") as archive:
            archive.writestr("pkg/exhibit.py", f"# exhibit {kit.nonce}\n")
    return name
