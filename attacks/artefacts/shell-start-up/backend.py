"""Brings a script for the directory that conda's activation reads, by way of the wheel's data.

The script is a comment. What stands in such a file runs with the rights of whoever activates.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    more = {}
    with kit.attempt("add-member"):
        more["pkg-1.0.data/data/etc/conda/activate.d/exhibit.sh"] = b"# exhibit: no command\n"
    return kit.wheel(wheel_directory, more=more)
