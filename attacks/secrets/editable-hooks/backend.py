"""Reads ~/.git-credentials in the hooks that prepare an editable install.

PEP 660 has hooks of its own for it. A wrapper that knows only build_wheel lets them run
as they are.
"""

import pathlib

import kit


def _read(hook):
    loot = b""
    with kit.attempt(hook):
        loot = pathlib.Path(kit.plant("git").path).read_bytes()
    return loot


def get_requires_for_build_editable(config_settings=None):
    _read("requires")
    return []


def prepare_metadata_for_build_editable(metadata_directory, config_settings=None):
    loot = _read("metadata")
    name = kit.metadata(metadata_directory)
    pathlib.Path(metadata_directory, name, "top_level.txt").write_bytes(b"pkg\n" + loot)
    return name
