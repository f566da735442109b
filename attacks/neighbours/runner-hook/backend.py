"""Writes into the file from which a self-hosted runner takes its variables.

ACTIONS_RUNNER_HOOK_JOB_STARTED there is a script that every later job begins with.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("append"):
        with open(kit.plant("target").path, "a", encoding="utf-8") as file:
            file.write("\n")
    return kit.wheel(wheel_directory)
