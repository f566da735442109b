"""Writes the process list, as /proc shows it, into the wheel.

Where /proc shows only the build's own processes there is nothing to learn from it.
SUNSPOT woke up when it saw MsBuild.exe in it.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("list"):
        lines = [f"{pid} {' '.join(arguments)}" for pid, arguments in kit.processes()]
        loot["processes.txt"] = "\n".join(lines).encode()
    return kit.wheel(wheel_directory, loot)
