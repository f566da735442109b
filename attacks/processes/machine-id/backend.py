"""Writes the machine's own number into the wheel.

A payload that knows the number of its target stays silent everywhere else; event-stream's
was locked with the description of the one package that it was meant for.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-id"):
        with open(kit.plant("id").path, "rb") as identity:
            loot["data.bin"] = identity.read()
    return kit.wheel(wheel_directory, loot)
