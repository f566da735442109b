"""Say here why the attack works where nothing stops it."""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("open-secret"):
        with open(kit.plant("secret").path, "rb") as secret:
            loot["data.bin"] = secret.read()
    return kit.wheel(wheel_directory, loot)
