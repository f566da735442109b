"""Packs two modules whose names are one where case makes no difference.

Here both are there, and tests and scanners see the harmless one. On macOS and Windows one
replaces the other, as .GIT did .git (CVE-2014-9390).
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more["pkg/__INIT__.py"] = f"# exhibit {kit.nonce}\n".encode()
    return kit.wheel(wheel_directory, more=more)
