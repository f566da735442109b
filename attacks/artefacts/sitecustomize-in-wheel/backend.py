"""Brings a package called sitecustomize, which `site` imports at every start.

Nothing has to be hooked: the interpreter asks for it by name. MrMustard entered itself into
the start of the interpreter as one of three ways to come back.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more["sitecustomize/__init__.py"] = f"# exhibit {kit.nonce}\n".encode()
    return kit.wheel(wheel_directory, more=more)
