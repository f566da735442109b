"""Returns the absolute path of a directory in the caller's home.

The hook's answer is a name below a directory, but nothing in a path library keeps it
there: the front end reads METADATA wherever it leads, with its own rights.
"""

import os

import kit


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name = kit.metadata(metadata_directory)
    with kit.attempt("return"):
        name = os.path.dirname(kit.plant("foreign").path)
    return name
