"""Appends to the git configuration of the tree that the front end will ask git about.

An entry core.fsmonitor would name a program, and `git describe` would run it with the
front end's rights: the reason for safe.directory (CVE-2022-24765). This one is a comment.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("configure"):
        with open(kit.plant("config").path, "a", encoding="utf-8") as config:
            config.write(f"# exhibit {kit.nonce}: core.fsmonitor\n")
    return kit.wheel(wheel_directory)
