"""Rewrites a module of its own source tree in a hook that should only list requirements.

What is published is then not what was reviewed: so came the payload of xz (CVE-2024-3094)
into its tarballs, and that of SUNSPOT into a compiler.
"""

import kit


def get_requires_for_build_sdist(config_settings=None):
    with kit.attempt("rewrite"):
        with open(kit.plant("module").path, "a", encoding="utf-8") as module:
            module.write(f"# exhibit {kit.nonce}\n")
    return []


def build_sdist(sdist_directory, config_settings=None):
    return kit.sdist(sdist_directory)
