"""Lowers the number of files that another process may open.

Same user, no capability, and the victim's own code is never asked.
"""

import resource

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("limit"):
        victim = kit.callable_pid("victim")
        resource.prlimit(victim, resource.RLIMIT_NOFILE, (16, 64))
    return kit.wheel(wheel_directory)
