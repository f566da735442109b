"""Appends to a wheel in the cache from which pip installs without asking the index.

The shared package store was how TanStack's release job got its code (CVE-2026-45321).
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("poison-wheel"):
        with open(kit.plant("entry").path, "a", encoding="utf-8") as target:
            target.write(f"# exhibit {kit.nonce}\n")
    return kit.wheel(wheel_directory)
