"""Starts a set-uid program that reads a file of root's.

su, sudo and mount are such programs. A wrapper that drops to another uid without
no_new_privs leaves all of them.
"""

import subprocess

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("run-helper"):
        command = [kit.plant("helper").path, kit.plant("key").path]
        answer = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=kit.seconds(5), check=False
        )
        loot["data.bin"] = answer.stdout
    return kit.wheel(wheel_directory, loot)
