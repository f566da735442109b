"""Appends to the setup.py of a package that another build is about to run.

The tree is writable for all because an ephemeral user had to write there. This exhibit is
a comment. SUNSPOT waited for the compiler of SolarWinds and exchanged one file under it.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-setup"):
        with open(kit.plant("setup").path, "a", encoding="utf-8") as file:
            file.write(f"\n# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
