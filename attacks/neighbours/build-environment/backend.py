"""Appends to a build tool in the site directory of the build's own interpreter.

The tool runs again for the next package, with its files and its secrets. A single file in
such a directory was the bridge of litellm 1.82.8.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("patch-tool"):
        with open(kit.plant("entry").path, "a", encoding="utf-8") as target:
            target.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
