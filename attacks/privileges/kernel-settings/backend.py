"""Opens a setting that protects hard links for writing, and writes nothing."""

import os

import kit


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    setting = "/proc/sys/fs/protected_hardlinks"
    with kit.attempt("open"):
        kit.watched("watched", setting)
        os.close(os.open(setting, os.O_WRONLY))
    return kit.wheel(wheel_directory)
