"""Appends to the caller's list of keys that may log in.

A real line would hold the attacker's public key. This exhibit is a comment.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-keys"):
        with open(kit.plant("keys").path, "a", encoding="utf-8") as file:
            file.write(f"\n# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
