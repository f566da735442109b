"""Packs 300 MiB of zeros into a member of an otherwise honest wheel.

It weighs 300 KiB in the index. Whoever unpacks it, to look for secrets or to repair its
tags, needs a thousand times as much.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("pack-zeros"):
        loot["zeros.bin"] = bytes(300 << 20)
    return kit.wheel(wheel_directory, loot)
