"""Replaces pyproject.toml by a link to a planted secret.

Front ends read the file again for each hook, outside of any sandbox. A parser that
complains about a line prints the line.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("link"):
        os.unlink("pyproject.toml")
        os.symlink(kit.plant("token").path, "pyproject.toml")
    return kit.wheel(wheel_directory)
