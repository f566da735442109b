"""Appends to a bundle of certificates that the machine trusts.

The bundle must be readable in a build, or nothing could verify anything; it must not be
writable. This exhibit is a comment. Together with another resolver, as Shai-Hulud 2 set,
it lets anybody be anyone.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append-bundle"):
        with open(kit.plant("bundle").path, "a", encoding="utf-8") as file:
            file.write(f"\n# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
