"""Appends to the file that is asked before any name server.

A real line would send the package index's name to another address. This exhibit is a
comment. Shai-Hulud 2 rewrote how its victims look up names.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-hosts"):
        with open(kit.plant("hosts").path, "a", encoding="utf-8") as file:
            file.write(f"\n# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
