"""Brings a start file into the directory of packages by way of the wheel's data.

Scanners look for start-up files beside the modules, where litellm had one. Below `pkg-1.0.data/data` any path
from the root of the environment can be written, that directory too.
"""

import sys

import kit

START = "lib/python%d.%d/site-packages/exhibit.start" % sys.version_info[:2]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more[f"pkg-1.0.data/data/{START}"] = b"# exhibit: no entry point\n"
    return kit.wheel(wheel_directory, more=more)
