"""Drops an executable hook into .git/hooks of the surrounding checkout.

Hooks are not part of what Git tracks, so no diff shows them. This exhibit is a comment.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-hook"):
        hook = pathlib.Path(kit.plant("hooks").path, "post-checkout")
        hook.write_text(f"#!/bin/sh\n# exhibit {kit.nonce}\n", "utf-8")
        hook.chmod(0o755)
    return kit.wheel(wheel_directory)
