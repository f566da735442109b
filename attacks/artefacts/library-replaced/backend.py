"""Lays a module over one of the standard library, by way of the wheel's data.

Below `pkg-1.0.data/data` every path from the root of the environment can be written, and in
a container or a conda prefix the library lies there too.
"""

import sys

import kit

MODULE = "lib/python%d.%d/encodings/__init__.py" % sys.version_info[:2]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more[f"pkg-1.0.data/data/{MODULE}"] = f"# exhibit {kit.nonce}\n".encode()
    return kit.wheel(wheel_directory, more=more)
