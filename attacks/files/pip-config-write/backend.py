"""Appends to /etc/pip.conf and to the caller's own pip.conf.

An index-url there decides where everything that is installed later comes from. These
exhibits are comments.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-pip-conf"):
        for place in ("machine", "user"):
            with open(kit.plant(place).path, "a", encoding="utf-8") as file:
                file.write(f"\n# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
