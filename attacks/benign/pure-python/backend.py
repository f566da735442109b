"""Packs the package `pkg` of this source tree; every hook of PEP 517, nothing else."""

import pathlib

import kit


def _modules():
    return {path.name: path.read_bytes() for path in sorted(pathlib.Path("pkg").glob("*.py"))}


def get_requires_for_build_sdist(config_settings=None):
    return []


def build_sdist(sdist_directory, config_settings=None):
    kit.mark("sdist")
    loot = {f"pkg/{name}": content for name, content in _modules().items()}
    return kit.sdist(sdist_directory, loot)


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    kit.mark("metadata")
    return kit.metadata(metadata_directory)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    kit.mark("wheel")
    return kit.wheel(wheel_directory, _modules())
