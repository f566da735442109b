"""Appends to the settings of ssh, where a line could start a program.

One ProxyCommand sees every connection that the caller makes.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append"):
        with open(kit.plant("target").path, "a", encoding="utf-8") as file:
            file.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
