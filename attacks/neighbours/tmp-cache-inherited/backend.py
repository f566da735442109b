"""Leaves a module in the cache of a build that has not run yet.

Everybody may create a file there, and the next build, of whomever, takes it for its own.
TanStack's jobs shared a store with strangers (CVE-2026-45321).
"""

import pathlib

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("leave"):
        cache = pathlib.Path(kit.second.caches[0])
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(f"# exhibit {kit.nonce}\n", "utf-8")
    return kit.wheel(wheel_directory)
