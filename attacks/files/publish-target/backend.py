"""Appends to the file that says where releases are uploaded to.

A line in the right place takes the upload and its token elsewhere.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append"):
        with open(kit.plant("target").path, "a", encoding="utf-8") as file:
            file.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
