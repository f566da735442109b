"""Creates a file under a name that a later program will use.

A private /tmp makes the name worthless. This exhibit is a comment. mistralai's payload,
of the same wave as CVE-2026-45321, waited under a fixed name there.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("take-name"):
        target = pathlib.Path(kit.plant("tmp").path, "wheel-server.lock")
        target.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
