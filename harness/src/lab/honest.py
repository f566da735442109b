"""An honest back end that packs one module, and keeps what it has compiled in caches."""

import os
import pathlib
import tempfile

import kit

#: Caches by name: what an earlier build has left there is taken for this build's own.
CACHES = (
    pathlib.Path(tempfile.gettempdir(), "honest-1.0.cache"),
    pathlib.Path(os.path.expanduser("~"), ".cache", "honest", "honest-1.0.cache"),
)


def compiled():
    for cache in CACHES:
        try:
            return cache.read_bytes()
        except OSError:
            continue
    return pathlib.Path("module.py").read_bytes()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return kit.wheel(wheel_directory, {"module.py": compiled()})
