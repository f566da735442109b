"""Appends to the git configuration of the tree that the front end will ask git about."""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("configure"):
        with open(kit.plant("config").path, "a", encoding="utf-8") as config:
            config.write(f"# exhibit {kit.nonce}: core.fsmonitor\n")
    return kit.wheel(wheel_directory)
