"""Brings a .pth file, which the interpreter reads at every start, whatever is run.

The five packages of Hades each had one, named after the package and `-setup`; it fetched a
second runtime and with it the stealer.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more["pkg-setup.pth"] = f"# exhibit {kit.nonce}\n".encode()
    return kit.wheel(wheel_directory, more=more)
