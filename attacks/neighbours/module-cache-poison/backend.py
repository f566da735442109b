"""Appends to a source file in the module cache of the Go tool chain.

Its digests are checked when a module is fetched. The next build compiles what lies there.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("poison-module"):
        with open(kit.plant("entry").path, "a", encoding="utf-8") as target:
            target.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
