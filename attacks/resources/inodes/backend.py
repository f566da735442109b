"""Creates five thousand empty files in shared memory's directory.

They take up no space, so a quota of bytes does not see them, and no file can be created
any more.
"""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("touch"):
        shared = os.open(kit.plant("shm").path, os.O_RDONLY)
        for number in range(5000):
            os.close(os.open(f"exhibit-{number}", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=shared))
    return kit.wheel(wheel_directory)
