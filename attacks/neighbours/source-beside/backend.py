"""Appends a line to the module of another package, which is built afterwards.

SUNSPOT did it to SolarWinds, and the dependency of event-stream to one other package.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("edit"):
        with open(pathlib.Path(kit.second.source, "module.py"), "a", encoding="utf-8") as module:
            module.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
