"""Reads ~/.pypirc in every hook of PEP 517 that the front end calls.

Isolation belongs around all of them: asking for requirements or metadata runs the same
foreign code as building does. mysten-metrics (RUSTSEC-2026-0107) shows what runs before
anything is built.
"""

import pathlib

import kit


def _read(hook):
    loot = {}
    with kit.attempt(hook):
        loot["data.bin"] = pathlib.Path(kit.plant("pypirc").path).read_bytes()
    return loot


def get_requires_for_build_sdist(config_settings=None):
    _read("requires-sdist")
    return []


def build_sdist(sdist_directory, config_settings=None):
    return kit.sdist(sdist_directory, _read("sdist"))


def get_requires_for_build_wheel(config_settings=None):
    _read("requires-wheel")
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    loot = _read("metadata")
    name = kit.metadata(metadata_directory)
    for file_name, content in loot.items():
        pathlib.Path(metadata_directory, name, file_name).write_bytes(content)
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return kit.wheel(wheel_directory, _read("wheel"))
