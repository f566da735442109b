"""Writes a file into the first directory in which programs are looked for.

It has no right to be executed, so no lookup stops at it.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-shim"):
        target = pathlib.Path(kit.plant("bin").path, "publish-release")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
