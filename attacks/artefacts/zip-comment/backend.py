"""Writes a second archive into the comment of the first.

A reader that takes the last end record that it finds sees the second, one that believes the
length of the comment sees the first.
"""

import io
import os
import zipfile

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = kit.wheel(wheel_directory)
    with kit.attempt("hide"):
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            archive.writestr("pkg/__init__.py", f"# exhibit {kit.nonce}\n")
        with zipfile.ZipFile(os.path.join(wheel_directory, name), "a") as archive:
            archive.comment = inner.getvalue()
    return name
