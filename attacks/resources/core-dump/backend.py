"""Raises its limit on core dumps to whatever is allowed, and stands still.

Each crash may then leave a file as large as the memory of the process, in whatever
directory it was.
"""

import resource

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("raise-limit"):
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
        kit.hold("held")
    return kit.wheel(wheel_directory)
