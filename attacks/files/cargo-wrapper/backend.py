"""Leaves a Cargo configuration that could name a wrapper for the compiler.

This exhibit's only key stands in a comment.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-config"):
        target = pathlib.Path(kit.plant("cargo").path, "config.toml")
        target.write_text(f"# exhibit {kit.nonce}: build.rustc-wrapper\n", "utf-8")
    return kit.wheel(wheel_directory)
