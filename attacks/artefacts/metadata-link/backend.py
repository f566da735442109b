"""Replaces METADATA by a symbolic link to a planted secret.

The front end reads it, as root, and prints what it could not understand. Nix registered
an output through such a link (CVE-2026-39860).
"""

import pathlib

import kit


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name = kit.metadata(metadata_directory)
    with kit.attempt("link"):
        metadata = pathlib.Path(metadata_directory, name, "METADATA")
        metadata.unlink()
        metadata.symlink_to(kit.plant("token").path)
    return name
