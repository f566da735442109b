"""Puts a link in the place of build.log in the first hook; the second is logged through it.

The front end opens its log with its own rights and follows the link: what the build
prints is then written into any file of root's.
"""

import os

import kit


def get_requires_for_build_wheel(config_settings=None):
    with kit.attempt("link"):
        if os.path.lexists("build.log"):
            os.unlink("build.log")
        os.symlink(kit.plant("target").path, "build.log")
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return kit.wheel(wheel_directory)
