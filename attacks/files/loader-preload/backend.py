"""Creates the file whose libraries the loader puts into every program.

It stays empty: one line break, no library.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("write-list"):
        target = pathlib.Path(kit.plant("etc").path, "ld.so.preload")
        target.write_text(f"\n", "utf-8")
    return kit.wheel(wheel_directory)
