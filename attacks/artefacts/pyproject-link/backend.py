"""Replaces pyproject.toml by a link to a planted secret."""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("link"):
        os.unlink("pyproject.toml")
        os.symlink(kit.plant("token").path, "pyproject.toml")
    return kit.wheel(wheel_directory)
