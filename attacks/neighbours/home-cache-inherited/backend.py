"""Leaves a module in the cache of a build that has not run yet.

The cache lies in the caller's home, where the next build of the same user looks first.
Ultralytics' release job did, and took what a pull request had left.
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("leave"):
        cache = pathlib.Path(kit.second.caches[1])
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
